import { readdirSync, readFileSync } from 'node:fs';
import { reservedDescriptors, tellingConnections } from './limits.ts';

/** What the system says of the descriptors of this process; each throws if there is none left to ask with. */
export interface DescriptorSource {
  /** The text of `/proc/self/limits`. */
  readLimits(): string;
  /** How many are in use. */
  count(): number;
}

const procSource: DescriptorSource = {
  readLimits: () => readFileSync('/proc/self/limits', 'latin1'),
  // One of them is the directory itself.
  count: () => readdirSync('/proc/self/fd').length - 1,
};

/**
 * How many connections the descriptors of the process are enough for. Node says nothing of a client that it cannot
 * accept for want of a descriptor: libuv closes it, or spins. So some are kept free, and clients have to make room or
 * are refused before: those who are connected go on, and files can still be opened.
 */
export class Descriptors {
  readonly #source: DescriptorSource;
  #limit = Number.POSITIVE_INFINITY;
  /** In use for other things than connections. */
  #otherCount = 0;

  constructor(source: DescriptorSource = procSource) {
    this.#source = source;
  }

  /** The most that the process may have; infinite if the system does not say. */
  get limit(): number {
    return this.#limit;
  }

  /** The most connections that leave enough for the rest. */
  get maxConnections(): number {
    const reserve = Math.min(reservedDescriptors, Math.floor(this.#limit / 8));
    return Math.max(0, this.#limit - reserve - this.#otherCount);
  }

  /**
   * Asks the system again: an operator can change the limit at any time.
   *
   * @param connectionCount - of the process, now
   * @returns false if there is no descriptor left to ask with
   */
  refresh(connectionCount: number): boolean {
    try {
      this.#limit = parseLimit(this.#source.readLimits());
      // Among many connections it would take long, and those that are just being closed would blur it.
      if (connectionCount < tellingConnections) {
        this.#otherCount = Math.max(0, this.#source.count() - connectionCount);
      }
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return code !== 'EMFILE' && code !== 'ENFILE';
    }
  }
}

function parseLimit(text: string): number {
  const limit = /^Max open files +(\d+)/m.exec(text)?.[1];
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
}
