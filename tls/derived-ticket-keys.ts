import { hkdfSync } from 'node:crypto';
import type { Clock } from './clock.ts';
import { DetachedTimer } from './detached-timer.ts';
import { ticketLifetimeMs, tlsLimits } from './limits.ts';
import {
  KeyListeners,
  makeTicketKey,
  type TicketKey,
  ticketKeyBytes,
  type TicketKeySource,
} from './ticket-key.ts';

/** What {@link DerivedTicketKeys} are derived from. */
export interface DerivedTicketKeysOptions {
  /**
   * Each at least 32 bytes, the same on every machine. The first seals; the others open what it sealed
   * before it was first, so that a secret can be replaced on one machine after the other.
   */
  readonly secrets: readonly Uint8Array[];
  /** How long a client can come back with a ticket, in milliseconds; the same on every machine. */
  readonly lifetimeMs: number;
  /** A clock that machines agree on. Default: that of the system. */
  readonly clock?: Clock;
}

/**
 * Ticket keys that every machine with the same secret has, at the same time, without a word between them:
 * time is divided in epochs as long as a ticket lives, and each epoch has its key (HKDF-SHA-256, RFC 5869).
 * Tickets of the epoch before are opened, and of the next, for a machine whose clock is ahead.
 *
 * Whoever has the secret opens recorded tickets, and with them recorded connections of TLS 1.2; in TLS 1.3
 * a new key exchange protects each connection.
 */
export class DerivedTicketKeys implements TicketKeySource {
  readonly #secrets: readonly Uint8Array[];
  readonly #epochMs: number;
  readonly #clock: Clock;
  readonly #listeners = new KeyListeners();
  readonly #timer = new DetachedTimer(() => this.#onTimer());
  #epoch = Number.NaN;
  #isClosed = false;
  #keys: readonly TicketKey[] = [];

  /** @throws RangeError where there is no secret, or one is too short */
  constructor(options: DerivedTicketKeysOptions) {
    if (options.secrets.length === 0) throw new RangeError('Cannot derive keys without a secret');
    for (const { length } of options.secrets) {
      if (length >= tlsLimits.secretBytes) continue;
      throw new RangeError(
        `Cannot derive keys from a secret of "${length}" bytes, expected ${tlsLimits.secretBytes} or more`,
      );
    }
    this.#secrets = options.secrets.map((secret) => Uint8Array.from(secret));
    this.#epochMs = ticketLifetimeMs(options.lifetimeMs);
    this.#clock = options.clock ?? Date.now;
    this.#onTimer();
  }

  get keys(): readonly TicketKey[] {
    // Not by the timer alone: the system's clock can be set.
    this.#turn();
    return this.#keys;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Forgets the secrets; the keys stay what they are. */
  close(): void {
    this.#isClosed = true;
    this.#timer.clear();
    for (const secret of this.#secrets) secret.fill(0);
  }

  #onTimer(): void {
    this.#turn();
    const nowMs = this.#clock();
    this.#timer.arm(Math.max(1, Math.ceil((this.#epoch + 1) * this.#epochMs - nowMs)));
  }

  #turn(): void {
    if (this.#isClosed) return;
    const epoch = Math.floor(this.#clock() / this.#epochMs);
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    for (const { secret } of this.#keys) secret.fill(0);
    this.#keys = [epoch, epoch + 1, epoch - 1].flatMap((epoch) =>
      this.#secrets.map((secret) => this.#derive(secret, epoch)),
    );
    this.#listeners.tell();
  }

  #derive(secret: Uint8Array, epoch: number): TicketKey {
    const info = `reprise ticket key ${this.#epochMs} ${epoch}`;
    const bytes = new Uint8Array(hkdfSync('sha256', secret, '', info, ticketKeyBytes));
    const createdAt = epoch * this.#epochMs;
    const key = makeTicketKey(bytes, { createdAt, expiresAt: createdAt + 2 * this.#epochMs });
    bytes.fill(0);
    return key;
  }
}
