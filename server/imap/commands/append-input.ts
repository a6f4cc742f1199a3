import type { AppendPart, AppendStep } from '../../../protocol/grammar/append.ts';
import { defaultMaxAppendBytes } from '../../../protocol/limits.ts';
import type { DraftedMessage } from '../../../store/message-draft.ts';
import { takeTurnIfFree } from '../../../store/turns.ts';
import { ConnectionLostError } from '../../net/byte-stream.ts';
import { maxAppendMessages, maxHeldAppendBytes, waitingMessageBytes } from '../limits.ts';
import { CommandRefusedError } from '../responses.ts';
import type { Session } from '../session.ts';
import { readMessageUrl } from './message-url.ts';

/** A piece of the command, up to a literal or to its end. */
interface NextPart {
  readonly part: AppendPart;
  /** True if the client waits for a continuation request before it sends the literal. */
  readonly isWaiting: boolean;
}

/** Bytes of memory that a flag takes beside its characters. */
const flagOverheadBytes = 32;

/**
 * The messages of one APPEND or REPLACE on their way in: each goes to a draft as its bytes come, from the client or, for CATENATE,
 * from messages that are there.
 */
export class AppendInput {
  readonly #session: Session;
  readonly #messages: DraftedMessage[] = [];
  /** Of the message that is coming. */
  #sizeBytes = 0;
  /** Bytes of memory that the messages take, flags and all, apart from their drafts. */
  #propertyBytes = 0;
  /** The same of the drafts of those that wait for others. */
  #waitingDraftBytes = 0;
  /** What of it all the connection has been told. */
  #toldBytes = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Reads all of the command: what its grammar has read, and then what the client sends. Rejects with a
   * {@link CommandRefusedError} or a StoreError; whatever of the command has not come then is read and dropped.
   */
  async receive(first: NextPart): Promise<readonly DraftedMessage[]> {
    let next: NextPart | undefined = first;
    while (next !== undefined) {
      await this.#begin(next.part);
      next = next.part.sizeBytes === undefined ? undefined : await this.#receiveLiteral(next);
    }
    this.#checkNotEmpty();
    return this.#messages;
  }

  /** Gives up what was not added. */
  async discard(): Promise<void> {
    try {
      for (const { draft } of this.#messages) await draft.discard();
    } finally {
      this.#tellBytes(0);
    }
  }

  /** Does what stands before a literal, which the client need not send if it fails. */
  async #begin({ steps, sizeBytes, isInList }: AppendPart): Promise<void> {
    try {
      for (const step of steps) await this.#take(step);
      if (sizeBytes === 0 && isInList !== true) this.#checkNotEmpty();
      if (sizeBytes !== undefined) this.#checkSize(sizeBytes);
    } catch (error) {
      this.#session.connection.rejectLiteral();
      throw error;
    }
  }

  async #take(step: AppendStep): Promise<void> {
    // A client may send very many of them at once; one message does not wait.
    if (this.#messages.length > 0) await takeTurnIfFree();
    if (step.step === 'message') {
      await this.#sealLast();
      this.#messages.push(this.#beginMessage(step));
      this.#tellHeldBytes();
      return;
    }
    for await (const chunk of readMessageUrl(this.#session, step.url)) {
      this.#checkSize(chunk.length);
      await this.#write(chunk);
    }
  }

  #beginMessage({ flags, internalDate }: AppendStep & { step: 'message' }): DraftedMessage {
    const { store, context } = this.#session;
    this.#propertyBytes += waitingMessageBytes;
    for (const flag of flags) this.#propertyBytes += flagOverheadBytes + flag.length;
    const now = { epochMs: Math.floor(context.clock() / 1000) * 1000, zoneMinutes: 0 };
    return { draft: store.beginMessage(), flags, internalDate: internalDate ?? now };
  }

  /** The message before the one that begins is whole, and waits for the others. */
  async #sealLast(): Promise<void> {
    const last = this.#messages.at(-1);
    if (last === undefined) return;
    this.#checkNotEmpty();
    this.#checkCount();
    const { draft } = last;
    const { accountId, context } = this.#session;
    await draft.seal(context.accountInput.hasRoomForMail(accountId) ? Infinity : 0);
    this.#waitingDraftBytes += draft.heldBytes;
    this.#sizeBytes = 0;
    if (this.#propertyBytes <= maxHeldAppendBytes) return;
    throw new CommandRefusedError(
      'NO',
      'Too many flags for one command, send fewer messages',
      'LIMIT',
    );
  }

  async #receiveLiteral({ isWaiting }: NextPart): Promise<NextPart | undefined> {
    const { connection, out } = this.#session;
    if (isWaiting) {
      // What came before it is answered first.
      await connection.answers.settle();
      out.continuation('Ready for literal data');
    }
    let failure: unknown;
    for (;;) {
      const event = await connection.pullLiteral();
      if (event === undefined) throw new ConnectionLostError();
      if (event.kind === 'bad') {
        const status = event.isNo === true ? 'NO' : 'BAD';
        throw new CommandRefusedError(status, event.text, event.code);
      }
      if (event.kind === 'stream-data') {
        // After a failure the rest of the literal is still read, so that the next command is found.
        if (failure !== undefined) continue;
        failure = await this.#write(event.data).then(
          () => undefined,
          (error: unknown) => error,
        );
        continue;
      }
      if (event.kind !== 'stream-next' && event.kind !== 'stream-end') {
        throw new Error(`Unexpected ${event.kind} event`);
      }
      if (failure !== undefined) {
        connection.rejectLiteral();
        throw failure;
      }
      if (event.part === undefined) return undefined;
      const isNextWaiting = event.kind === 'stream-next' && event.isWaiting;
      return { part: event.part as AppendPart, isWaiting: isNextWaiting };
    }
  }

  /** @see RFC 9738, section 3.1 */
  #checkCount(): void {
    const { saveLimit } = this.#session;
    const bound = Math.min(maxAppendMessages, saveLimit);
    if (this.#messages.length < bound) return;
    const code = saveLimit === Infinity ? 'LIMIT' : (`MESSAGELIMIT ${bound}` as const);
    throw new CommandRefusedError('NO', `More than ${bound} messages`, code);
  }

  async #write(chunk: Uint8Array): Promise<void> {
    this.#sizeBytes += chunk.length;
    await this.#messages.at(-1)?.draft.write(chunk);
    this.#tellHeldBytes();
  }

  #tellHeldBytes(): void {
    const present = this.#messages.at(-1)?.draft.heldBytes ?? 0;
    this.#tellBytes(this.#propertyBytes + this.#waitingDraftBytes + present);
  }

  /** Tells the connection how many bytes of memory are held, which ends it or others if they are too many. */
  #tellBytes(bytes: number): void {
    this.#session.connection.addMailBytes(bytes - this.#toldBytes);
    this.#toldBytes = bytes;
  }

  /** So many more bytes are to come to the message. */
  #checkSize(moreBytes: number): void {
    if (this.#sizeBytes + moreBytes <= defaultMaxAppendBytes) return;
    const text = `Message is larger than ${defaultMaxAppendBytes} bytes`;
    throw new CommandRefusedError('NO', text, 'TOOBIG');
  }

  #checkNotEmpty(): void {
    if (this.#sizeBytes > 0) return;
    throw new CommandRefusedError('NO', 'Cannot add an empty message');
  }
}
