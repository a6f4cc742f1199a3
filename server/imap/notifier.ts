import { takeTurnIfFree } from '../../store/turns.ts';
import { ConnectionLostError } from '../net/byte-stream.ts';
import { ByeError } from './responses.ts';
import type { Session } from './session.ts';

/**
 * Tells a client what happens while it waits for something: in IDLE, and between its commands if it has asked for that by NOTIFY.
 * It polls while there is news, one poll at a time. What wakes it is that there is news, not that some has come.
 */
export class Notifier {
  readonly #session: Session;
  readonly #expunge: boolean;
  /** Undefined while the client knows everything. */
  #running: Promise<void> | undefined;
  #isStopped = false;

  /** @param expunge - true if the client may be told of messages that are gone */
  constructor(session: Session, { expunge }: { readonly expunge: boolean }) {
    this.#session = session;
    this.#expunge = expunge;
    this.#listen(() => this.wake());
    this.wake();
  }

  #listen(onNews: (() => void) | undefined): void {
    const { selected, metadataNews, notifications } = this.#session;
    for (const source of [selected, metadataNews, notifications]) {
      if (source !== undefined) source.onNews = onNews;
    }
  }

  /** Settles when nothing is being written any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#listen(undefined);
    await this.#running;
  }

  /** Looks whether there is news. Does nothing while answers are due, which tell what has changed themselves. */
  wake(): void {
    if (this.#running !== undefined || this.#isStopped || !this.#hasNews) return;
    if (!this.#session.connection.answers.isEmpty) return;
    // It ends in a later step, when nothing comes between its last look at the news and this.
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.wake();
    });
  }

  get #hasNews(): boolean {
    const { selected, metadataNews, notifications } = this.#session;
    if (selected?.hasNewsFor({ expunge: this.#expunge })) return true;
    return metadataNews?.hasNews === true || notifications?.hasNews === true;
  }

  async #run(): Promise<void> {
    const { out, connection } = this.#session;
    try {
      while (!this.#isStopped && this.#hasNews) {
        // Else the first lines of all who idle in a mailbox would be one long step. One alone does not wait.
        const turn = takeTurnIfFree();
        if (turn !== undefined) await turn;
        if (this.#isStopped) return;
        await this.#tell();
        out.flush();
        if (out.isFull) await out.ready();
      }
    } catch (error) {
      this.#isStopped = true;
      if (error instanceof ByeError) connection.shutDown(error.message, error.code);
      else if (!(error instanceof ConnectionLostError)) {
        this.#session.log('error', { err: error }, 'notification failed');
        connection.shutDown('Internal error', 'SERVERBUG');
      }
    }
  }

  async #tell(): Promise<void> {
    const { out, selected, notifications, metadataNews, hasVanished } = this.#session;
    const { hasCondstore } = this.#session;
    const options = { expunge: this.#expunge, hasModseq: hasCondstore, hasVanished };
    metadataNews?.tell(out);
    // What woke it is in already: the store need not be asked, for each idler, whether there is more.
    if (selected?.hasNewsFor(options)) await selected.poll(out, options);
    await notifications?.tell();
  }
}
