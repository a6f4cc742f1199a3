import { createHash } from 'node:crypto';
import type { InternalDate } from '../../protocol/command.ts';
import type { Flag } from '../../protocol/flag.ts';
import { writeBodyStructure } from '../../protocol/mime/body-structure.ts';
import { MimeWalker } from '../../protocol/mime/mime-walker.ts';
import { limits } from '../limits.ts';
import { StoreError, type AddedMessage, type MessageDraft } from '../mail-store.ts';
import type { BodyContent } from './body-writes.ts';
import { ChunkBuffer } from './chunk-buffer.ts';
import { sentDayOf } from './sent-day.ts';
import type { WriterClient } from './writer-client.ts';

/**
 * A message on its way in: reads its structure and digest as the octets come. A small one goes to the writer
 * in one request. Of a larger one at most two steps of `limits.stageBytes` are in memory: one that fills and
 * one that the writer commits under a body that nobody can find yet.
 */
export class SqliteMessageDraft implements MessageDraft {
  readonly #writer: WriterClient;
  readonly #accountId: number;
  readonly #walker = new MimeWalker();
  readonly #digest = createHash('sha256');
  readonly #chunks = new ChunkBuffer();
  #sizeBytes = 0;
  #stagedChunkCount = 0;
  /** The body under which steps are committed. */
  #stagedBodyId: number | undefined;
  /** The step that the writer has. */
  #staging: Promise<void> | undefined;
  #isUsedUp = false;

  constructor(writer: WriterClient, accountId: number) {
    this.#writer = writer;
    this.#accountId = accountId;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#checkUsable();
    // Nothing is awaited before the copy: the chunk is the caller's again when this returns its promise.
    this.#sizeBytes += chunk.length;
    this.#checkSize();
    this.#walker.push(chunk);
    this.#digest.update(chunk);
    this.#chunks.write(chunk);
    if (this.#chunks.bytes > limits.stageBytes) await this.#stage();
  }

  async addTo(
    mailboxId: number,
    properties: { readonly flags: readonly Flag[]; readonly internalDate: InternalDate },
  ): Promise<AddedMessage> {
    this.#checkUsable();
    this.#isUsedUp = true;
    const { flags, internalDate } = properties;
    try {
      this.#checkSize();
      await this.#staging;
      const content = this.#finish();
      return await this.#writer.request(
        'addMessage',
        { accountId: this.#accountId, mailboxId, flags, internalDate, content },
        {
          payloadBytes: content.chunks.reduce((sum, chunk) => sum + chunk.length, 0),
          transfer: content.chunks.map((chunk) => chunk.buffer as ArrayBuffer),
        },
      );
    } catch (error) {
      await this.#dropStaging();
      throw error;
    }
  }

  async discard(): Promise<void> {
    if (this.#isUsedUp) return;
    this.#isUsedUp = true;
    this.#chunks.takeAll();
    await this.#dropStaging();
  }

  #checkUsable(): void {
    if (this.#isUsedUp) throw new Error('The message draft is used up');
  }

  #checkSize(): void {
    if (this.#sizeBytes > limits.maxMessageBytes) {
      throw new StoreError('LIMIT', `A message has at most ${limits.maxMessageBytes} octets`);
    }
  }

  /** Sends what is whole, once the step before it is committed. */
  async #stage(): Promise<void> {
    const chunks = this.#chunks.takeWhole();
    const firstNumber = this.#stagedChunkCount;
    this.#stagedChunkCount += chunks.length;
    await this.#staging;
    if (this.#isUsedUp) return;
    this.#staging = this.#sendChunks(firstNumber, chunks);
    // The next step, addTo or discard awaits it; until then a failure is nobody's to handle.
    this.#staging.catch(() => undefined);
  }

  async #sendChunks(firstNumber: number, chunks: Uint8Array<ArrayBuffer>[]): Promise<void> {
    this.#stagedBodyId = await this.#writer.request(
      'stageChunks',
      { bodyId: this.#stagedBodyId, firstNumber, chunks },
      {
        payloadBytes: chunks.length * limits.chunkBytes,
        transfer: chunks.map((chunk) => chunk.buffer),
      },
    );
  }

  #finish(): BodyContent {
    const structure = this.#walker.finish();
    const envelope = structure.envelope ?? '';
    return {
      sha256: this.#digest.digest(),
      sizeBytes: this.#sizeBytes,
      headerBytes: structure.bodyStart,
      sentDay: sentDayOf(envelope),
      envelope,
      bodyStructure: writeBodyStructure(structure),
      structure: JSON.stringify(structure),
      chunks: this.#chunks.takeAll(),
      stagedBodyId: this.#stagedBodyId,
      stagedChunkCount: this.#stagedChunkCount,
    };
  }

  async #dropStaging(): Promise<void> {
    await this.#staging?.catch(() => undefined);
    if (this.#stagedBodyId === undefined) return;
    await this.#writer.request('dropStagings', { bodyIds: [this.#stagedBodyId] });
  }
}
