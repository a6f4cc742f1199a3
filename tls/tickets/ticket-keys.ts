import { hkdfSync, randomBytes } from 'node:crypto';
import { ticketLifetimeMs, tlsLimits } from '../limits.ts';
import { type Clock, DetachedTimer, steadyClock } from '../time.ts';

/** A key that session tickets are sealed with. */
export interface TicketKey {
  /** 16 bytes, with which every ticket of the key begins. Not secret. */
  readonly name: Uint8Array;
  /** The 48 bytes that TLS takes: the name, then 32 bytes that are secret. */
  readonly secret: Uint8Array;
  /** From when on it seals tickets, in milliseconds since 1970. */
  readonly createdAt: number;
  /** From when on it opens no ticket any more, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/**
 * The ticket keys of a server, which change while it runs. Tickets of a key that is gone cost a full
 * handshake, so a key stays for as long as its last ticket lives.
 */
export interface TicketKeySource {
  /** The keys that open tickets, at least one; the first seals new ones. */
  readonly keys: readonly TicketKey[];
  /** Calls the listener after each change of `keys`, until the returned function is called. */
  subscribe(listener: () => void): () => void;
}

const ticketKeyNameBytes = 16;

/** Bytes of {@link TicketKey.secret}. */
export const ticketKeyBytes = 48;

/** Makes a key of a copy of the 48 bytes that TLS takes. */
export function makeTicketKey(
  secret: Uint8Array,
  { createdAt, expiresAt }: { readonly createdAt: number; readonly expiresAt: number },
): TicketKey {
  if (secret.length !== ticketKeyBytes) {
    throw new RangeError(`Cannot make a ticket key of "${secret.length}" bytes, expected 48`);
  }
  // Arrays of their own: a view on a pool would carry its neighbours along to other threads.
  const name = Uint8Array.from(secret.subarray(0, ticketKeyNameBytes));
  return { name, secret: Uint8Array.from(secret), createdAt, expiresAt };
}

/** The listeners of a {@link TicketKeySource}. */
export class KeyListeners {
  readonly #listeners = new Set<() => void>();

  add(listener: () => void): () => void {
    // Wrapped, so that the same function can be added twice.
    const entry = (): void => listener();
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** How long {@link RandomTicketKeys} live. */
export interface RandomTicketKeysOptions {
  /** How long a client can come back with a ticket, in milliseconds. */
  readonly lifetimeMs: number;
  readonly clock?: Clock;
}

/**
 * Random ticket keys that no other process has. A key seals tickets for one lifetime and opens them for another, so
 * there are two: the current one and the one before.
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

  /** Seals with a new key from now on. The key before opens tickets until the next rotation; older ones are dropped. */
  rotate(): void {
    const [previous, ...gone] = this.#keys;
    this.#keys = [this.#make(), previous!];
    for (const { secret } of gone) secret.fill(0);
    this.#arm();
    this.#listeners.tell();
  }

  /** Stops rotating. */
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
    // A timer may fire a little before its time.
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
 * Ticket keys that every machine with the same secret has at the same time, without messages between them. Time is
 * divided into epochs as long as a ticket lives, and each epoch has its key (HKDF-SHA-256, RFC 5869). Tickets of the
 * epoch before are opened, and also those of the next, for a machine whose clock is ahead.
 *
 * Someone who has the secret can open recorded tickets, and with them recorded connections of TLS 1.2. In TLS 1.3 a
 * new key exchange protects each connection.
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

  /** @throws RangeError if there is no secret, or if one is too short */
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

/**
 * Ticket keys that are decided elsewhere, such as in the thread that has them all. It owns the keys that it is given,
 * and overwrites them when others take their place.
 */
export class ReplicatedTicketKeys implements TicketKeySource {
  readonly #listeners = new KeyListeners();
  #keys: readonly TicketKey[];

  /** @param keys - at least one; the first seals */
  constructor(keys: readonly TicketKey[]) {
    this.#keys = checked(keys);
  }

  get keys(): readonly TicketKey[] {
    return this.#keys;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Takes over the keys as they are now. */
  replace(keys: readonly TicketKey[]): void {
    const before = this.#keys;
    this.#keys = checked(keys);
    for (const key of before) if (!keys.includes(key)) key.secret.fill(0);
    this.#listeners.tell();
  }
}

function checked(keys: readonly TicketKey[]): readonly TicketKey[] {
  if (keys.length === 0) throw new RangeError('Cannot do without a ticket key');
  return [...keys];
}
