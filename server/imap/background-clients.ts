import type { Logger } from 'pino';
import type { Clock } from '../../tls/index.ts';

/** How often it is logged that clients are put off, in milliseconds. */
const logIntervalMs = 60_000;

/** What a client says of itself by ID; names in lower case. */
type IdParameters = ReadonlyMap<string, string | undefined>;

/** When clients are put off that only download in the background. */
export interface BackgroundOptions {
  /** Connections of the server from which on they are; 0: never. */
  readonly maxConnections: number;
  /** How many there are now. */
  readonly connectionCount: () => number;
  readonly logger: Logger;
  /** For durations. */
  readonly clock: Clock;
}

/**
 * Puts off phones that download mail in the background, which very many do at the same time after an update of their system,
 * while the server has much to do: they come again after about a day.
 *
 * @see Apple's TN3189, Managing Mail background traffic load
 */
export class BackgroundClients {
  readonly #options: BackgroundOptions;
  #loggedAt = -Infinity;
  #countSince = 0;

  constructor(options: BackgroundOptions) {
    this.#options = options;
  }

  /** True if the client that has sent this ID is to be put off. */
  isPutOff(parameters: IdParameters): boolean {
    const { maxConnections, connectionCount } = this.#options;
    if (maxConnections === 0 || !isBackground(parameters)) return false;
    if (connectionCount() < maxConnections) return false;
    this.#countSince += 1;
    this.#log();
    return true;
  }

  #log(): void {
    const { logger, clock, connectionCount } = this.#options;
    const now = clock();
    if (now - this.#loggedAt < logIntervalMs) return;
    const fields = { count: this.#countSince, connections: connectionCount() };
    logger.warn(fields, 'put off clients that download in the background');
    this.#loggedAt = now;
    this.#countSince = 0;
  }
}

/** Only of Apple's clients does the event count. */
function isBackground(parameters: IdParameters): boolean {
  if (parameters.get('name')?.startsWith('com.apple.') !== true) return false;
  const events = (parameters.get('event') ?? '').toLowerCase().split(',');
  return events.some((event) => ['indexer', 'back-fill'].includes(event.trim()));
}
