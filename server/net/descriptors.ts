import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { reservedDescriptors } from './limits.ts';

/**
 * Tells when the descriptors of the process run short. Node says nothing of a client that it cannot accept for want of a
 * descriptor: libuv closes it, or spins. So some are kept free, and a client that was given one of the last is sent away
 * with a word instead: those who are connected go on, and files can still be opened.
 *
 * The system gives out the lowest free number, so the number of a new socket says how many are in use.
 */
export class Descriptors {
  readonly #readLimits: () => string;
  #limit = Number.POSITIVE_INFINITY;

  /** @param readLimits - the text of `/proc/self/limits`; throws if there is none, or no descriptor to read it with */
  constructor(readLimits: () => string = () => readFileSync('/proc/self/limits', 'latin1')) {
    this.#readLimits = readLimits;
  }

  /** The most that the process may have; infinite if the system does not say. */
  get limit(): number {
    return this.#limit;
  }

  /** Reads the limit, which an operator can change at any time; returns false if there is no descriptor left for it. */
  readLimit(): boolean {
    try {
      this.#limit = parseLimit(this.#readLimits());
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return code !== 'EMFILE' && code !== 'ENFILE';
    }
  }

  /** True if a socket that was just accepted has one of the last descriptors. */
  isShort(socket: Socket): boolean {
    const reserve = Math.min(reservedDescriptors, Math.floor(this.#limit / 8));
    return descriptorOf(socket) >= this.#limit - reserve;
  }
}

/** The number of a socket's descriptor; -1 if the system has none. */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle?: { fd?: number } })._handle?.fd ?? -1;
}

function parseLimit(text: string): number {
  const limit = /^Max open files +(\d+)/m.exec(text)?.[1];
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
}
