import type { ReaderEvent } from '../../../protocol/command-reader.ts';
import { takeTurnIfFree } from '../../../store/turns.ts';
import type { CommandHandler } from '../dispatch.ts';
import { ByeError, CommandRefusedError } from '../responses.ts';
import type { MailboxView } from '../mailbox-view.ts';
import { ConnectionLostError } from '../../net/byte-stream.ts';
import type { MetadataNews } from '../metadata-news.ts';
import { decodeLine, type Session } from '../session.ts';

/** Tells the client at once what changes, until it sends DONE. @see RFC 2177, section 3 */
export const idle: CommandHandler<'IDLE'> = async (session) => {
  session.out.continuation('idling');
  await session.sync({ expunge: true });
  const { selected, metadataNews } = session;
  const hasSource = selected !== undefined || metadataNews !== undefined;
  const notifier = hasSource ? new IdleNotifier(session) : undefined;
  let event: ReaderEvent | undefined;
  try {
    event = await session.connection.pullLine();
  } finally {
    await notifier?.stop();
  }
  const text = decodeLine(event);
  if (text.toUpperCase() !== 'DONE') {
    throw new CommandRefusedError('BAD', `Expected DONE, got "${text.slice(0, 40)}"`);
  }
  return { text: 'IDLE completed' };
};

/** Polls while there is news, one poll at a time. What wakes it is that there is news, not that some has come. */
class IdleNotifier {
  readonly #session: Session;
  /** Absent: no mailbox is selected. */
  readonly #view: MailboxView | undefined;
  /** Absent: the client has not asked for it. */
  readonly #metadata: MetadataNews | undefined;
  /** Undefined while the client knows everything. */
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(session: Session) {
    this.#session = session;
    this.#view = session.selected;
    this.#metadata = session.metadataNews;
    this.#listen(() => this.#wake());
    this.#wake();
  }

  #listen(onNews: (() => void) | undefined): void {
    if (this.#view !== undefined) this.#view.onNews = onNews;
    if (this.#metadata !== undefined) this.#metadata.onNews = onNews;
  }

  get #hasNews(): boolean {
    return this.#view?.hasNews === true || this.#metadata?.hasNews === true;
  }

  /** Settles when nothing is being written any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#listen(undefined);
    await this.#running;
  }

  #wake(): void {
    if (this.#running !== undefined || this.#isStopped || !this.#hasNews) return;
    // It ends in a later step, when nothing comes between its last look at the news and this.
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.#wake();
    });
  }

  async #run(): Promise<void> {
    const { out, connection } = this.#session;
    try {
      while (!this.#isStopped && this.#hasNews) {
        // Else the first lines of all who idle in a mailbox would be one long step. One alone does not wait.
        const turn = takeTurnIfFree();
        if (turn !== undefined) await turn;
        if (this.#isStopped) return;
        // What woke it is in already: the store need not be asked, for each idler, whether there is more.
        const { hasCondstore: hasModseq, hasVanished } = this.#session;
        const options = { expunge: true, hasModseq, hasVanished };
        this.#metadata?.tell(out);
        await this.#view?.poll(out, options);
        out.flush();
        if (out.isFull) await out.ready();
      }
    } catch (error) {
      this.#isStopped = true;
      if (error instanceof ByeError) connection.shutDown(error.message, error.code);
      else if (!(error instanceof ConnectionLostError)) {
        this.#session.log('error', { err: error }, 'IDLE notification failed');
        connection.shutDown('Internal error', 'SERVERBUG');
      }
    }
  }
}
