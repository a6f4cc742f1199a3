import type { Logger } from 'pino';
import type { MigrationEvent } from '../store/opened-store.ts';

/** A line of progress each time so much more of the work is done. */
const loggedShare = 0.1;

/** Logs a migration of the mail store, and says for the health of the server how far it is. */
export class MigrationReport {
  readonly #logger: Logger;
  readonly #onBegin: () => void;
  #text: string | undefined;
  #nextLoggedShare = loggedShare;

  /** @param onBegin called before the first change, only if there is something to migrate */
  constructor(logger: Logger, onBegin: () => void) {
    this.#logger = logger;
    this.#onBegin = onBegin;
  }

  /** What goes on, for people; undefined while nothing is migrated. */
  get text(): string | undefined {
    return this.#text;
  }

  /** Takes what the store tells. */
  readonly report = (event: MigrationEvent): void => {
    switch (event.kind) {
      case 'began': {
        const { fromVersion, toVersion, isResumed } = event;
        this.#text = 'The server is migrating its mail store';
        this.#logger.info({ fromVersion, toVersion, isResumed }, 'migrating the mail store');
        return this.#onBegin();
      }
      case 'backedUp': {
        const { path, sizeBytes } = event;
        this.#nextLoggedShare = loggedShare;
        this.#logger.info({ path, sizeBytes }, 'backed up the mail store');
        return;
      }
      case 'progress':
        return this.#reportShare(event.phase, event.share);
      case 'ended':
        this.#text = undefined;
        this.#logger.info({ version: event.version }, 'migrated the mail store');
    }
  };

  #reportShare(phase: 'backup' | 'migration', share: number): void {
    const percent = Math.floor(share * 100);
    this.#text = `The server is migrating its mail store: ${phase} ${percent} % done`;
    if (share < this.#nextLoggedShare) return;
    this.#nextLoggedShare = share + loggedShare;
    this.#logger.info({ phase, percent }, 'migrating the mail store goes on');
  }
}
