import type { Logger } from 'pino';
import type { ProblemListener, StoreProblem } from '../store/opened-store.ts';

const texts: Readonly<Record<StoreProblem, string>> = {
  full: 'The disk is full: mail can be read, but nothing can be stored',
  'read-only': 'The disk is read-only: mail can be read, but nothing can be stored',
  failing: 'The disk reports errors: nothing can be stored',
};

/** Logs when the mail store can no longer be written, and when it can again, and says so for the health of the server. */
export class StoreHealth {
  readonly #logger: Logger;
  #problem: StoreProblem | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Why nothing can be stored, for people; undefined if it can. */
  get text(): string | undefined {
    return this.#problem === undefined ? undefined : texts[this.#problem];
  }

  /** Takes what the store tells, which is not often. */
  readonly report: ProblemListener = (problem, { isUntilRestart } = { isUntilRestart: false }) => {
    this.#problem = problem;
    if (problem === undefined) this.#logger.info('mail can be stored again');
    else if (!isUntilRestart) this.#logger.error({ problem }, 'nothing can be stored');
    else
      this.#logger.error({ problem }, 'nothing can be stored before the server is started again');
  };
}
