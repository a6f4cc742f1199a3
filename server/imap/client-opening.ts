import type { ReaderEvent } from '../../protocol/command-reader.ts';
import { CommandRate } from './command-rate.ts';
import { findForeignText, foreignText } from './first-bytes.ts';
import { ByeError } from './responses.ts';
import type { ServiceContext } from './service-context.ts';

/** What a client says before its login: that it speaks IMAP, and not too fast. */
export class ClientOpening {
  readonly #context: Pick<ServiceContext, 'limits' | 'metrics' | 'steadyClock'>;
  /** True once a byte has come. */
  #hasSpoken = false;
  /** True once a command was one that exists. */
  #hasSpokenImap = false;
  readonly #rate = new CommandRate();

  constructor(context: Pick<ServiceContext, 'limits' | 'metrics' | 'steadyClock'>) {
    this.#context = context;
  }

  /** What the client says from now on is under TLS, and looked at as if nothing had been said. */
  beginAnew(): void {
    this.#hasSpoken = false;
    this.#hasSpokenImap = false;
  }

  /** Why the first bytes of a client cannot be IMAP: there may never be the end of a line. Undefined if they are text, and for all later ones. */
  findForeignText(bytes: Uint8Array): string | undefined {
    if (this.#hasSpoken) return undefined;
    this.#hasSpoken = true;
    return findForeignText(bytes);
  }

  /**
   * Counts a command of a client that has not logged in, whether it can be read or not.
   *
   * @throws ByeError if it is the first one and does not exist, and if too many come in a second
   */
  countCommand(event: ReaderEvent): void {
    const { steadyClock, limits, metrics } = this.#context;
    if (event.kind === 'bad' && event.isUnknown === true && !this.#hasSpokenImap) {
      metrics.recordConnectionEnded('notImap');
      throw new ByeError(foreignText);
    }
    this.#hasSpokenImap = true;
    if (this.#rate.count(steadyClock()) > limits.maxCommandsPerSecondBeforeLogin) {
      metrics.recordConnectionEnded('commandFlood');
      throw new ByeError('Too many commands in a second before login');
    }
  }
}
