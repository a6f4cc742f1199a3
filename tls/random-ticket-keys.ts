import { randomBytes } from 'node:crypto';
import { type Clock, steadyClock } from './clock.ts';
import { DetachedTimer } from './detached-timer.ts';
import { ticketLifetimeMs } from './limits.ts';
import {
  KeyListeners,
  makeTicketKey,
  type TicketKey,
  ticketKeyBytes,
  type TicketKeySource,
} from './ticket-key.ts';

/** How long {@link RandomTicketKeys} live. */
export interface RandomTicketKeysOptions {
  /** How long a client can come back with a ticket, in milliseconds. */
  readonly lifetimeMs: number;
  readonly clock?: Clock;
}

/**
 * Ticket keys that nobody else has and that end with the process. A key seals tickets for one lifetime and
 * opens them for another, so that there are two: the current one and the one before.
 */
export class RandomTicketKeys implements TicketKeySource {
  readonly #periodMs: number;
  readonly #clock: Clock;
  readonly #listeners = new KeyListeners();
  readonly #timer = new DetachedTimer(() => this.#rotateWhenDue());
  #keys: readonly TicketKey[];

  constructor(options: RandomTicketKeysOptions) {
    this.#periodMs = ticketLifetimeMs(options.lifetimeMs);
    this.#clock = options.clock ?? steadyClock;
    this.#keys = [this.#make()];
    this.#arm();
  }

  get keys(): readonly TicketKey[] {
    return this.#keys;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Seals with a new key from now on; the one before opens until the next rotation, older ones no more. */
  rotate(): void {
    const [previous, ...gone] = this.#keys;
    this.#keys = [this.#make(), previous!];
    for (const { secret } of gone) secret.fill(0);
    this.#arm();
    this.#listeners.tell();
  }

  /** Stops to rotate. */
  close(): void {
    this.#timer.clear();
  }

  #make(): TicketKey {
    const secret = randomBytes(ticketKeyBytes);
    const createdAt = this.#clock();
    const key = makeTicketKey(secret, { createdAt, expiresAt: createdAt + 2 * this.#periodMs });
    secret.fill(0);
    return key;
  }

  #rotateWhenDue(): void {
    // A timer may fire a little early.
    if (this.#clock() >= this.#dueAt) this.rotate();
    else this.#arm();
  }

  get #dueAt(): number {
    return this.#keys[0]!.createdAt + this.#periodMs;
  }

  #arm(): void {
    this.#timer.arm(Math.max(1, Math.ceil(this.#dueAt - this.#clock())));
  }
}
