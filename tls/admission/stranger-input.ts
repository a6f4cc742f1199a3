import { addressGroup } from '../address-group.ts';

/** A client that has not logged in. */
export interface Stranger {
  /** Its IP address; undefined if it is gone. */
  readonly remoteAddress: string | undefined;
  /** Drops its input, tells it why, and ends it. */
  endForInput(): void;
}

/** How much strangers may make a thread hold. */
export interface StrangerInputOptions {
  /** Of all strangers together, in bytes. */
  readonly maxBytes: number;
  /** A stranger that holds no more than these bytes does not count: what an honest client needs. */
  readonly uncountedBytes: number;
}

/** What one stranger has not finished. */
interface Holding {
  readonly group: Group;
  bytes: number;
}

/** The strangers of one address group that hold something. */
interface Group {
  readonly name: string;
  bytes: number;
  /** Who holds something for longest comes first. */
  readonly strangers: Set<Stranger>;
}

/**
 * The memory that strangers make a thread hold by what they do not finish: a ClientHello, commands and literals without
 * their end, and what they send behind something that waits. What one stranger may hold is far too much for thousands,
 * so there is one bound for all together. At the bound the address group that holds most loses the stranger that has
 * held something for longest: an honest client has finished after a moment.
 */
export class StrangerInput {
  readonly #options: StrangerInputOptions;
  readonly #holdings = new Map<Stranger, Holding>();
  readonly #groups = new Map<string, Group>();
  #bytes = 0;

  constructor(options: StrangerInputOptions) {
    this.#options = options;
  }

  /** Bytes that are held now, without those that do not count. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A stranger holds so many bytes from now on. Ends it or others if all together are too many. */
  hold(stranger: Stranger, bytes: number): void {
    if (bytes <= this.#options.uncountedBytes) return this.release(stranger);
    const holding = this.#holdings.get(stranger) ?? this.#enter(stranger);
    this.#add(holding, bytes - holding.bytes);
    // Ends, since nothing is held when everybody has been ended
    while (this.#bytes > this.#options.maxBytes) this.#endOne();
  }

  /** A stranger has logged in, or is gone. Harmless if it held nothing. */
  release(stranger: Stranger): void {
    const holding = this.#holdings.get(stranger);
    if (holding === undefined) return;
    const { group } = holding;
    this.#add(holding, -holding.bytes);
    this.#holdings.delete(stranger);
    group.strangers.delete(stranger);
    if (group.strangers.size === 0) this.#groups.delete(group.name);
  }

  #enter(stranger: Stranger): Holding {
    const name = addressGroup(stranger.remoteAddress ?? '');
    const group = this.#groups.get(name) ?? { name, bytes: 0, strangers: new Set() };
    const holding = { group, bytes: 0 };
    this.#groups.set(name, group);
    group.strangers.add(stranger);
    this.#holdings.set(stranger, holding);
    return holding;
  }

  #add(holding: Holding, bytes: number): void {
    holding.bytes += bytes;
    holding.group.bytes += bytes;
    this.#bytes += bytes;
  }

  /** Looks at every group, which costs less than the connection that has to be made to hold anything again. */
  #endOne(): void {
    let fullest: Group | undefined;
    for (const group of this.#groups.values()) {
      if (group.bytes > (fullest?.bytes ?? 0)) fullest = group;
    }
    const [stranger] = fullest?.strangers ?? [];
    if (stranger === undefined) return;
    this.release(stranger);
    stranger.endForInput();
  }
}
