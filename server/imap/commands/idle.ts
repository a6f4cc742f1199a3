import type { ReaderEvent } from '../../../protocol/command-reader.ts';
import { decodeLine } from '../decode-line.ts';
import type { CommandHandler } from '../command-handler.ts';
import { ByeError, CommandRefusedError } from '../command-error.ts';
import { ConnectionLostError } from '../response-stream.ts';
import type { Session } from '../session.ts';

/** Tells the client at once what changes, until it sends DONE. @see RFC 2177, section 3 */
export const idle: CommandHandler<'IDLE'> = async (session) => {
  session.out.write('+ idling\r\n');
  await session.sync();
  const { selected } = session;
  const notifier = selected === undefined ? undefined : new IdleNotifier(session);
  if (selected !== undefined) selected.onChange = () => notifier?.wake();
  let event: ReaderEvent | undefined;
  try {
    event = await session.connection.pullLine();
  } finally {
    if (selected !== undefined) selected.onChange = undefined;
    await notifier?.stop();
  }
  const text = decodeLine(event);
  if (text.toUpperCase() !== 'DONE') {
    throw new CommandRefusedError('BAD', `Expected DONE, got "${text.slice(0, 40)}"`);
  }
  return { text: 'IDLE completed' };
};

/** Runs one sync at a time, and one more where a change came meanwhile. */
class IdleNotifier {
  readonly #session: Session;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(session: Session) {
    this.#session = session;
  }

  wake(): void {
    if (this.#isStopped || this.#running !== undefined) return;
    this.#running = this.#run();
  }

  /** Settles when nothing is being written any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    const { selected, out, connection, hasCondstore } = this.#session;
    try {
      while (!this.#isStopped && selected?.isStale === true) {
        await selected.sync(out, hasCondstore);
        out.flush();
        if (out.isFull) await out.ready();
      }
    } catch (error) {
      if (error instanceof ByeError) connection.shutDown(error.message);
      else if (!(error instanceof ConnectionLostError)) {
        this.#session.log('error', { err: error }, 'IDLE notification failed');
        connection.shutDown('[SERVERBUG] Internal error');
      }
    } finally {
      this.#running = undefined;
    }
  }
}
