import type { Logger } from 'pino';
import { addressGroup, type Clock, TlsAcceptError } from '../../tls/index.ts';
import { type NetworkLimits, strangerWindowMs } from './limits.ts';
import { ConnectionLostError } from './byte-stream.ts';

/** Where a {@link StrangerLog} writes, and how much. */
export interface StrangerLogOptions {
  readonly logger: Logger;
  /** A steady clock. */
  readonly clock: Clock;
  readonly limits: Pick<NetworkLimits, 'maxStrangerLines' | 'maxStrangerLinesPerGroup'>;
}

/** The lines of one text in the present minute. */
interface TextWindow {
  lineCount: number;
  suppressedCount: number;
  /** Lines by address group; never more entries than lines. */
  readonly perGroup: Map<string, number>;
}

/**
 * The log lines that anybody can cause without logging in. In each minute the first few of an address group are
 * written, up to a bound for all groups, and then one line with the number of those left out: a flood of connections
 * must not fill the disk.
 */
export class StrangerLog {
  readonly #options: StrangerLogOptions;
  readonly #windows = new Map<string, TextWindow>();
  #windowStart = 0;

  constructor(options: StrangerLogOptions) {
    this.#options = options;
    this.#windowStart = options.clock();
  }

  /**
   * Writes a line, or counts it.
   *
   * @param text - one of a few fixed texts, each of which has bounds of its own
   */
  write(
    level: 'debug' | 'info' | 'warn',
    address: string | undefined,
    fields: object,
    text: string,
  ): void {
    const { logger, limits } = this.#options;
    if (!logger.isLevelEnabled(level)) return;
    this.sweep();
    const window = this.#windowOf(text);
    const group = addressGroup(address ?? '');
    const groupCount = window.perGroup.get(group) ?? 0;
    if (
      window.lineCount >= limits.maxStrangerLines ||
      groupCount >= limits.maxStrangerLinesPerGroup
    ) {
      window.suppressedCount += 1;
      return;
    }
    window.lineCount += 1;
    window.perGroup.set(group, groupCount + 1);
    logger[level]({ address, ...fields }, text);
  }

  /** Tells why a client did not come to TLS; what is no fault of the client is an error with its stack. */
  writeFailedHandshake(address: string | undefined, error: unknown): void {
    if (error instanceof TlsAcceptError) {
      const { code, message: reason } = error;
      this.write('info', address, { code, reason }, 'TLS handshake failed');
    } else if (!(error instanceof ConnectionLostError)) {
      this.#options.logger.error({ err: error, address }, 'TLS handshake failed');
    }
  }

  /** Called now and then: tells what was left out, once its minute is over. */
  sweep(): void {
    const now = this.#options.clock();
    if (now - this.#windowStart < strangerWindowMs) return;
    this.flush();
    this.#windowStart = now;
  }

  /** Tells what was left out so far. */
  flush(): void {
    for (const [text, { suppressedCount }] of this.#windows) {
      if (suppressedCount === 0) continue;
      this.#options.logger.info({ leftOut: suppressedCount }, `${text} (more of them)`);
    }
    this.#windows.clear();
  }

  #windowOf(text: string): TextWindow {
    const known = this.#windows.get(text);
    if (known !== undefined) return known;
    const window = { lineCount: 0, suppressedCount: 0, perGroup: new Map<string, number>() };
    this.#windows.set(text, window);
    return window;
  }
}
