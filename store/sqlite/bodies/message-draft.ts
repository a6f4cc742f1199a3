import { limits } from '../../limits.ts';
import { type MailboxKey, type MessageKey, StoreError } from '../../mail-store.ts';
import type {
  AddedMessage,
  AddedMessages,
  DraftedMessage,
  MessageDraft,
  MessageProperties,
  MessageTarget,
} from '../../message-draft.ts';
import { MessageReader } from '../../message-reader.ts';
import type { BodyContent, StagedBody } from './bodies.ts';
import { compressInPlace, toStoredForm } from './chunks.ts';
import { deriveContent } from './derived-content.ts';
import { type Failure, fromFailure, toKey, type WriterClient } from '../writer/writer.ts';

/**
 * A message on its way in: reads its structure and digest as the bytes come. A small one goes to the writer
 * in one request; a larger one in steps of `limits.stageBytes`, of which one fills while the writer commits
 * the one before it, under a body that nobody can find yet.
 */
export class SqliteMessageDraft implements MessageDraft {
  readonly #writer: WriterClient;
  /** Until all bytes have come. */
  #reader: MessageReader | undefined = new MessageReader();
  /** Then. */
  #sealed: SealedContent | undefined;
  readonly #buffer = new StepBuffer();
  #stagedChunkCount = 0;
  /** The body under which steps are committed. */
  #stagedBodyId: number | undefined;
  /** The step that the writer has. */
  #staging: Promise<void> | undefined;
  /** A copy, once a step is on its way to the writer. */
  #firstChunk: Uint8Array | undefined;
  #isUsedUp = false;

  constructor(writer: WriterClient) {
    this.#writer = writer;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#checkUsable();
    if (this.#sealed !== undefined) throw new Error('The message draft is sealed');
    // Nothing is awaited before all is copied: the chunk is the caller's again when this returns its promise.
    this.#reader!.push(chunk);
    let rest = chunk.subarray(this.#buffer.write(chunk));
    // Not slice(), which copies nothing of a Buffer.
    if (rest.length > 0) rest = new Uint8Array(rest);
    while (this.#buffer.hasStep && !this.#isUsedUp) {
      await this.#stage();
      rest = rest.subarray(this.#buffer.write(rest));
    }
  }

  get heldBytes(): number {
    if (this.#isUsedUp) return 0;
    if (this.#sealed !== undefined) return contentBytes(this.#sealed);
    const firstBytes = this.#firstChunk?.length ?? 0;
    return (this.#reader?.heldBytes ?? 0) + this.#buffer.roomBytes + firstBytes;
  }

  async seal(maxHeldBytes: number): Promise<void> {
    this.#checkUsable();
    await this.#staging;
    const sealed = (this.#sealed ??= this.#finish());
    if (contentBytes(sealed) > maxHeldBytes) this.#sealed = await this.#stageRest(sealed);
  }

  async addTo(box: MailboxKey, properties: MessageProperties): Promise<AddedMessage> {
    const [result] = await this.#add([{ ...properties, box }]);
    if (result instanceof Error) throw result;
    return result!;
  }

  addToEach(targets: readonly MessageTarget[]): Promise<readonly (AddedMessage | StoreError)[]> {
    return this.#add(targets);
  }

  async #add(targets: readonly MessageTarget[]): Promise<readonly (AddedMessage | StoreError)[]> {
    let results: readonly (AddedMessage | StoreError)[];
    try {
      const { content, payloadBytes, transfer } = await this.take();
      const argument = { targets: targets.map(toPlainTarget), content };
      const told = await this.#writer.request('addMessage', argument, { payloadBytes, transfer });
      results = told.map((result) => ('failure' in result ? toRefusal(result.failure) : result));
    } catch (error) {
      await this.drop();
      // The only target refuses it.
      if (error instanceof StoreError && targets.length === 1) return [error];
      throw error;
    }
    if (results.every((result) => result instanceof Error)) await this.drop();
    return results;
  }

  /** Uses the draft up: what the writer gets of it. */
  async take(): Promise<SealedContent> {
    this.#checkUsable();
    this.#isUsedUp = true;
    await this.#staging;
    const sealed = this.#sealed ?? this.#finish();
    this.#sealed = undefined;
    return sealed;
  }

  async discard(): Promise<void> {
    if (this.#isUsedUp) return;
    this.#isUsedUp = true;
    this.#sealed = undefined;
    await this.drop();
  }

  #checkUsable(): void {
    if (this.#isUsedUp) throw new Error('The message draft is used up');
  }

  /** Sends a step, once the one before it is committed. */
  async #stage(): Promise<void> {
    await this.#staging;
    if (this.#isUsedUp) return;
    this.#staging = this.#sendStep();
    // The next step, addTo or discard awaits it; until then a failure is nobody's to handle.
    this.#staging.catch(() => undefined);
  }

  async #sendStep(): Promise<void> {
    const { chunks, transfer } = this.#buffer.takeStep();
    const firstNumber = this.#stagedChunkCount;
    this.#firstChunk ??= Uint8Array.from(chunks[0]!);
    this.#stagedChunkCount += chunks.length;
    this.#stagedBodyId = await this.#writer.request(
      'stageChunks',
      {
        bodyId: this.#stagedBodyId,
        firstNumber,
        chunks: chunks.map((chunk) => compressInPlace(chunk)),
      },
      { payloadBytes: limits.stageBytes, transfer },
    );
  }

  #finish(): SealedContent {
    const facts = this.#reader!.finish();
    this.#reader = undefined;
    // The chunks that are not staged, which follow each other in memory.
    const { chunks: rest, transfer } = this.#buffer.takeRest();
    const payloadBytes = rest.reduce((sum, chunk) => sum + chunk.length, 0);
    const begin = this.#firstChunk ?? rest[0];
    this.#firstChunk = undefined;
    const content = {
      ...facts,
      // Before the chunks are compressed, in the same place.
      ...deriveContent(facts, begin),
      ...(this.#stagedChunkCount === 0
        ? toStoredForm(joinViews(rest), facts.structure)
        : { cuts: [], chunks: rest.map((chunk) => compressInPlace(chunk)) }),
      stagedBodyId: this.#stagedBodyId,
      stagedChunkCount: this.#stagedChunkCount,
    };
    return { content, payloadBytes, transfer };
  }

  /** Sends all that is not staged, too. */
  async #stageRest(sealed: SealedContent): Promise<SealedContent> {
    const { content, payloadBytes, transfer } = sealed;
    if (!('chunks' in content)) return sealed;
    const options = { payloadBytes, transfer };
    const stagedBodyId = await this.#writer.request('stageBody', { content }, options);
    this.#stagedBodyId = stagedBodyId;
    const { sha256, sizeBytes } = content;
    return { content: { sha256, sizeBytes, stagedBodyId }, payloadBytes: 0, transfer: [] };
  }

  /** Gives up what is staged, once the draft is used up. */
  async drop(): Promise<void> {
    await this.#staging?.catch(() => undefined);
    if (this.#stagedBodyId === undefined) return;
    await this.#writer.request('dropStagings', { bodyIds: [this.#stagedBodyId] });
  }
}

/** What the writer gets of a message that is whole. */
interface SealedContent {
  readonly content: BodyContent | StagedBody;
  /** Of the chunks in it. */
  readonly payloadBytes: number;
  readonly transfer: ArrayBuffer[];
}

/** Bytes of memory that a message takes that is not staged, beside its bytes and texts: sort keys of usual length, and objects. */
const contentOverheadBytes = 1024;

/** Bytes of memory that it takes, about; 0 if all is staged. */
function contentBytes({ content, payloadBytes }: SealedContent): number {
  if (!('chunks' in content)) return 0;
  const { envelope, bodyStructure, structure, usualFields } = content;
  const texts = envelope.length + bodyStructure.length + structure.length;
  return contentOverheadBytes + payloadBytes + texts + (usualFields?.length ?? 0);
}

/** @see MailStore.addMessages */
export async function addDrafts(
  writer: WriterClient,
  box: MailboxKey,
  messages: readonly DraftedMessage[],
  replaced: MessageKey | undefined,
): Promise<AddedMessages> {
  const drafts = messages.map(({ draft }) => {
    if (draft instanceof SqliteMessageDraft) return draft;
    throw new Error('The draft is of another store');
  });
  try {
    const taken: SealedContent[] = [];
    for (const draft of drafts) taken.push(await draft.take());
    const argument = {
      box: toKey(box),
      messages: messages.map(({ flags, internalDate }, index) => ({
        flags,
        internalDate,
        content: taken[index]!.content,
      })),
      replaced: replaced && { box: toKey(replaced.box), uid: replaced.uid },
    };
    return await writer.request('addMessages', argument, {
      payloadBytes: taken.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0),
      transfer: taken.flatMap(({ transfer }) => transfer),
    });
  } catch (error) {
    for (const draft of drafts) await draft.discard();
    for (const draft of drafts) await draft.drop();
    throw error;
  }
}

/** One view of all that several show, which follow each other in a buffer. */
function joinViews([first, ...others]: readonly Uint8Array[]): Uint8Array {
  if (first === undefined) return new Uint8Array();
  const bytes = others.reduce((sum, { length }) => sum + length, first.length);
  return new Uint8Array(first.buffer, first.byteOffset, bytes);
}

/** What one target refuses has a code; any other fault is that of the whole request. */
function toRefusal(failure: Failure): StoreError {
  return fromFailure(failure) as StoreError;
}

/** Only what the writer needs: the caller's object may have more in it, which would be copied. */
function toPlainTarget({ box, flags, internalDate, occurrence }: MessageTarget): MessageTarget {
  return {
    box: toKey(box),
    flags,
    internalDate,
    ...(occurrence !== undefined && { occurrence }),
  };
}

/** Room for a step, and for what of the last write goes beyond it. */
const capacityBytes = limits.stageBytes + limits.chunkBytes;

/** A step on its way to the writer. */
export interface Step {
  /** Views of `limits.chunkBytes` each, but for the last of a message. */
  readonly chunks: Uint8Array[];
  /** What moves to the writer; the others are shared with it until it has answered. */
  readonly transfer: ArrayBuffer[];
}

/**
 * Collects the bytes of a message for the writer. A small message grows in one buffer, which moves to the
 * writer. A large one goes through two buffers that both threads share and that take turns: moving a new one
 * for each step would cost the memory of the whole message until the garbage collectors of both threads run.
 */
export class StepBuffer {
  #current: Uint8Array = new Uint8Array(0);
  #bytes = 0;
  /** The two that take turns, once there was a whole step. */
  #shared: [Uint8Array, Uint8Array] | undefined;

  /** True if a whole step, and more, is there to be taken. */
  get hasStep(): boolean {
    return this.#bytes > limits.stageBytes;
  }

  /** Bytes of memory that the buffers take. */
  get roomBytes(): number {
    return this.#shared === undefined ? this.#current.length : 2 * capacityBytes;
  }

  /** Copies as much as fits, at least a chunk unless {@link hasStep}; returns the number of bytes copied. */
  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, capacityBytes - this.#bytes);
    this.#reserve(this.#bytes + count);
    this.#current.set(bytes.subarray(0, count), this.#bytes);
    this.#bytes += count;
    return count;
  }

  /** Takes a whole step. The writer must have answered the step before it. */
  takeStep(): Step {
    this.#shared ??= [newSharedBuffer(), newSharedBuffer()];
    const taken = this.#current;
    const next = this.#shared[0] === taken ? this.#shared[1] : this.#shared[0];
    next.set(taken.subarray(limits.stageBytes, this.#bytes));
    this.#current = next;
    this.#bytes -= limits.stageBytes;
    return toStep(taken, limits.stageBytes);
  }

  /** Takes everything. */
  takeRest(): Step {
    const step = toStep(this.#current, this.#bytes);
    this.#current = new Uint8Array(0);
    this.#shared = undefined;
    this.#bytes = 0;
    return step;
  }

  /** Small messages are many: their buffer grows by doubling. */
  #reserve(bytes: number): void {
    if (bytes <= this.#current.length) return;
    const grown = new Uint8Array(
      Math.min(capacityBytes, Math.max(bytes, 2 * this.#current.length)),
    );
    grown.set(this.#current.subarray(0, this.#bytes));
    this.#current = grown;
  }
}

function newSharedBuffer(): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(capacityBytes));
}

function toStep(buffer: Uint8Array, bytes: number): Step {
  const chunks = Array.from({ length: Math.ceil(bytes / limits.chunkBytes) }, (_, index) =>
    buffer.subarray(index * limits.chunkBytes, Math.min(bytes, (index + 1) * limits.chunkBytes)),
  );
  return { chunks, transfer: buffer.buffer instanceof ArrayBuffer ? [buffer.buffer] : [] };
}
