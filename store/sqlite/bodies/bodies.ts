import type { MessageFacts } from '../../message-reader.ts';
import { type Chunk, insertChunks } from './chunks.ts';
import type { Database, SqlValue } from '../database.ts';
import type { DerivedContent } from './derived-content.ts';
import { keepSortKeys } from '../sort-key-rows.ts';
import type { WriteContext } from '../writer/write-context.ts';

/** What a row of `bodies` is. */
export const bodyState = {
  /** Chunks of a draft that is not added yet; nobody can find it. */
  staged: 0,
  /** A body that messages can refer to. */
  whole: 1,
  /** The collector deletes its chunks; nobody can find it. */
  dropped: 2,
} as const;

/** The bytes of a message and what the draft has read from them. */
export interface BodyContent extends DerivedContent, Pick<MessageFacts, 'sha256' | 'sizeBytes'> {
  /** Offsets at which the chunks are divided, besides every 64 KiB; none if some are staged. */
  readonly cuts: readonly number[];
  /** The chunks that are not staged yet. */
  readonly chunks: readonly Chunk[];
  /** The body under which the chunks before those are staged; undefined where none are. */
  readonly stagedBodyId: number | undefined;
  /** How many are staged. */
  readonly stagedChunkCount: number;
}

/** A body that is staged with all that belongs to it. */
export interface StagedBody extends Pick<MessageFacts, 'sha256' | 'sizeBytes'> {
  readonly stagedBodyId: number;
}

/** Writes chunks of a draft that is not complete; the body id under which they wait for the others. */
export function stageChunks(
  context: WriteContext,
  {
    bodyId,
    firstNumber,
    chunks,
  }: { bodyId: number | undefined; firstNumber: number; chunks: readonly Chunk[] },
): number {
  const id = bodyId ?? beginStaging(context);
  insertChunks(context.database, id, firstNumber, chunks);
  return id;
}

/** Writes what is not staged yet of a message that is whole, and what is known of it; the body id under which it waits. */
export function stageBody(
  context: WriteContext,
  { content }: { readonly content: BodyContent },
): number {
  const bodyId = content.stagedBodyId ?? beginStaging(context);
  context.database.run(
    'UPDATE bodies SET size_bytes = ?, header_bytes = ?, sent_day = ?, cuts = ? WHERE id = ?',
    ...bodyFacts(content),
    bodyId,
  );
  insertContent(context.database, bodyId, content);
  return bodyId;
}

function beginStaging(context: WriteContext): number {
  const id = context.database.insert(
    'INSERT INTO bodies (state, size_bytes, header_bytes, reference_count) VALUES (?, 0, 0, 0)',
    bodyState.staged,
  );
  context.stagings.set(id, context.clientId);
  return id;
}

/** Gives up staged chunks; the collector deletes them. */
export function dropStagings(
  { database, stagings }: WriteContext,
  { bodyIds }: { bodyIds: readonly number[] },
): void {
  for (const bodyId of bodyIds) {
    stagings.delete(bodyId);
    database.run(
      'UPDATE bodies SET state = ? WHERE id = ? AND state = ?',
      bodyState.dropped,
      bodyId,
      bodyState.staged,
    );
  }
}

/** Those of the bodies that are staged and that no draft is writing. */
export function findOrphanedStagings(
  { database, stagings }: WriteContext,
  { bodyIds }: { bodyIds: readonly number[] },
): number[] {
  const isStaged = (bodyId: number) =>
    database.row('SELECT 1 FROM bodies WHERE id = ? AND state = ?', bodyId, bodyState.staged);
  return bodyIds.filter((bodyId) => !stagings.has(bodyId) && isStaged(bodyId) !== undefined);
}

/**
 * The body id of a content, with one more reference: of the body that has these bytes already, whose copy
 * in the draft is dropped, or of a new one.
 */
export function addReference(context: WriteContext, content: BodyContent | StagedBody): number {
  const { database } = context;
  const known = database.row<[number]>('SELECT id FROM bodies WHERE sha256 = ?', content.sha256);
  if (known === undefined) return addBody(context, content);
  if (content.stagedBodyId !== undefined) {
    dropStagings(context, { bodyIds: [content.stagedBodyId] });
  }
  database.run(
    'UPDATE bodies SET reference_count = reference_count + 1, unreferenced_at = NULL WHERE id = ?',
    known[0],
  );
  return known[0];
}

function addBody(context: WriteContext, content: BodyContent | StagedBody): number {
  if (!('chunks' in content)) {
    publishStaged(context, content);
    return content.stagedBodyId;
  }
  if (content.stagedBodyId !== undefined) {
    const stagedBodyId = stageBody(context, { content });
    publishStaged(context, { ...content, stagedBodyId });
    return stagedBodyId;
  }
  const bodyId = context.database.insert(
    `INSERT INTO bodies (state, sha256, size_bytes, header_bytes, sent_day, cuts, reference_count)
     VALUES (?, ?, ?, ?, ?, ?, 1)`,
    bodyState.whole,
    content.sha256,
    ...bodyFacts(content),
  );
  insertContent(context.database, bodyId, content);
  return bodyId;
}

/** Makes a staged body, with one reference, one that can be found. */
function publishStaged(context: WriteContext, { stagedBodyId, sha256 }: StagedBody): void {
  context.stagings.delete(stagedBodyId);
  const changed = context.database.run(
    `UPDATE bodies SET state = ?, sha256 = ?, reference_count = 1
     WHERE id = ? AND state = ${bodyState.staged}`,
    bodyState.whole,
    sha256,
    stagedBodyId,
  );
  if (changed === 0) throw new Error(`Body ${stagedBodyId} of the draft is not staged any more`);
}

/** The columns of a body from its size to its cuts. */
function bodyFacts({ sizeBytes, headerBytes, sentDay, cuts }: BodyContent): SqlValue[] {
  return [sizeBytes, headerBytes, sentDay ?? null, cuts.length === 0 ? null : JSON.stringify(cuts)];
}

/** Writes the chunks of a body that are not staged, and all that is kept beside them. */
function insertContent(database: Database, bodyId: number, content: BodyContent): void {
  insertChunks(database, bodyId, content.stagedChunkCount, content.chunks);
  database.run(
    `INSERT INTO body_texts (body_id, walker, envelope, body_structure, structure)
     VALUES (?, ?, ?, ?, ?)`,
    bodyId,
    content.walker,
    content.envelope,
    content.bodyStructure,
    content.structure,
  );
  insertUsualFields(database, bodyId, content.usualFields);
  keepSortKeys(database, bodyId, content.sortKeys);
}

/** Keeps the usual fields of a body apart; does nothing if they are undefined. */
function insertUsualFields(
  database: Database,
  bodyId: number,
  fields: Uint8Array | undefined,
): void {
  if (fields === undefined) return;
  database.run('INSERT INTO header_fields (body_id, bytes) VALUES (?, ?)', bodyId, fields);
}

/**
 * Keeps what a newer walker has found in bodies, and how far it has come: behind the body `lastId`, or to the end if that is
 * undefined.
 */
export function keepContents(
  { database }: WriteContext,
  {
    walker,
    contents,
    lastId,
  }: {
    walker: number;
    contents: readonly (DerivedContent & { readonly bodyId: number })[];
    lastId: number | undefined;
  },
): void {
  for (const { bodyId, ...content } of contents) keepContent(database, bodyId, content);
  database.run('UPDATE walks SET walker = ?, body_id = ?', walker, lastId ?? null);
}

/** Does nothing if the body is gone. */
function keepContent(database: Database, bodyId: number, content: DerivedContent): void {
  const changed = database.run(
    `UPDATE body_texts SET walker = ?, envelope = ?, body_structure = ?, structure = ?
     WHERE body_id = ?`,
    content.walker,
    content.envelope,
    content.bodyStructure,
    content.structure,
    bodyId,
  );
  if (changed === 0) return;
  database.run(
    'UPDATE bodies SET header_bytes = ?, sent_day = ? WHERE id = ?',
    content.headerBytes,
    content.sentDay ?? null,
    bodyId,
  );
  database.run('DELETE FROM header_fields WHERE body_id = ?', bodyId);
  insertUsualFields(database, bodyId, content.usualFields);
  keepSortKeys(database, bodyId, content.sortKeys);
}
