import { limits } from '../limits.ts';
import { StoreError } from '../mail-store.ts';
import { joinUsualFields } from '../usual-fields.ts';
import type {
  SearchColumn,
  SearchedContent,
  SearchExtent,
  SearchRows,
  SearchSource,
} from '../search/search-source.ts';
import type { Body, BodyPool } from './bodies.ts';
import type { MemoryMailbox } from './mailbox.ts';
import { type Message, toStates } from './message.ts';
import { emailIdOf, threadIdOf } from './reading.ts';

const dayMs = 24 * 60 * 60 * 1000;
const minuteMs = 60 * 1000;

/** A mailbox as a search reads it. What it yields may be the store's own bytes, which a search only reads. */
export class MemorySearchSource implements SearchSource {
  readonly #findMailbox: () => MemoryMailbox;
  readonly #bodies: BodyPool;

  /** @param findMailbox called for each batch; throws `NONEXISTENT` once the mailbox is gone */
  constructor(findMailbox: () => MemoryMailbox, bodies: BodyPool) {
    this.#findMailbox = findMailbox;
    this.#bodies = bodies;
  }

  async readLargestUid(): Promise<number> {
    return this.#findMailbox().messages.at(-1)?.uid ?? 0;
  }

  async *readRows(
    uids: Uint32Array,
    columns: ReadonlySet<SearchColumn>,
  ): AsyncGenerator<SearchRows> {
    for (let start = 0; start < uids.length; start += limits.searchRows) {
      const messages = this.#findMailbox().select(uids.subarray(start, start + limits.searchRows));
      if (messages.length > 0) yield toSearchRows(messages, columns);
    }
  }

  async *readContents(
    bodyIds: Float64Array,
    extent: SearchExtent,
  ): AsyncGenerator<readonly SearchedContent[]> {
    let batch: SearchedContent[] = [];
    let bytes = 0;
    for (const bodyId of bodyIds) {
      const body = this.#findBody(bodyId);
      if (body === undefined) continue;
      const content = toContent(body, extent);
      batch.push(content);
      bytes += content.bytes.length;
      if (batch.length < limits.searchContents && bytes < limits.searchContentBytes) continue;
      yield batch;
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) yield batch;
  }

  async *readBytes(bodyId: number, start: number, end: number): AsyncGenerator<Uint8Array> {
    yield* this.#bodies.find(bodyId).read(start, end);
  }

  /** Undefined if it was expunged, and its time is over. */
  #findBody(bodyId: number): Body | undefined {
    try {
      return this.#bodies.find(bodyId);
    } catch (error) {
      if (error instanceof StoreError) return undefined;
      throw error;
    }
  }
}

function toSearchRows(
  messages: readonly Message[],
  columns: ReadonlySet<SearchColumn>,
): SearchRows {
  const { uids, modseqs, flags, flagSets } = toStates(messages);
  return {
    uids,
    modseqs,
    flags,
    flagSets,
    bodyIds: Float64Array.from(messages, ({ body }) => body.id),
    sizes: Float64Array.from(messages, ({ body }) => body.facts.sizeBytes),
    internalDays: Float64Array.from(messages, ({ internalDate: { epochMs, zoneMinutes } }) =>
      Math.floor((epochMs + zoneMinutes * minuteMs) / dayMs),
    ),
    internalSeconds: Float64Array.from(messages, ({ internalDate: { epochMs } }) =>
      Math.floor(epochMs / 1000),
    ),
    sentDays: Float64Array.from(messages, ({ body }) => body.facts.sentDay ?? NaN),
    ...(columns.has('savedDay') && {
      savedDays: Float64Array.from(messages, ({ savedMs }) => Math.floor(savedMs / dayMs)),
    }),
    ...(columns.has('emailId') && { emailIds: messages.map(emailIdOf) }),
    ...(columns.has('threadId') && { threadIds: messages.map(({ body }) => threadIdOf(body)) }),
    ...(columns.has('usualFields') && {
      usualFields: joinUsualFields(messages.map(({ body }) => body.usualFields)),
    }),
  };
}

function toContent(body: Body, extent: SearchExtent): SearchedContent {
  return {
    bodyId: body.id,
    headerBytes: body.facts.headerBytes,
    ...(extent !== 'header' && { structure: body.structure }),
    bytes: body.beginning,
    start: 0,
  };
}
