import { setImmediate } from 'node:timers/promises';
import { MimeWalker } from '../../protocol/mime/mime-walker.ts';
import { walkerVersion } from '../../protocol/mime/mime-structure.ts';
import { limits } from '../limits.ts';
import { toFacts } from '../message-reader.ts';
import type { Database } from './database.ts';
import { type DerivedContent, deriveContent } from './bodies/derived-content.ts';
import { readBody } from './bodies/read-body.ts';
import type { WriterClient } from './writer/writer.ts';

/**
 * Has the writer delete what nobody can reach, and a newer MIME walker read again what an older one has read, in bounded steps
 * with others' requests between them: at start, then at an interval. It has one timer, which does not keep the process running.
 */
export class Collection {
  readonly #database: Database;
  readonly #writer: WriterClient;
  readonly #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  /** @param intervalMs 0 for never */
  constructor(database: Database, writer: WriterClient, intervalMs: number) {
    this.#database = database;
    this.#writer = writer;
    if (intervalMs === 0) return;
    this.#timer = setInterval(() => this.start(), intervalMs);
    this.#timer.unref();
    this.start();
  }

  /** Begins a run unless one is under way, and does not wait for it. A fault ends the run; the next begins anew. */
  start(): void {
    if (this.#timer !== undefined) this.run().catch(() => undefined);
  }

  /** Settles when nothing is left to delete, and nothing to read again. */
  run(): Promise<void> {
    this.#running ??= this.#runSteps().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Lets the step under way end, and begins no other. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#running?.catch(() => undefined);
  }

  async #runSteps(): Promise<void> {
    let hasMore = true;
    while (hasMore && !this.#isStopped) hasMore = await this.#writer.request('collect', undefined);
    let afterMailboxId: number | undefined = 0;
    while (afterMailboxId !== undefined && !this.#isStopped) {
      afterMailboxId = await this.#writer.request('forgetExpunged', { afterMailboxId });
    }
    hasMore = true;
    while (hasMore && !this.#isStopped) {
      hasMore = await walkAgain(this.#database, this.#writer, () => this.#isStopped);
    }
  }
}

type Row = [bodyId: number, walker: number, sizeBytes: number];

/**
 * One step of a newer walker through the bodies that an older one has read: it walks some of them again and has the writer keep
 * what it finds. Until then they are answered as they were read before. A body that it refuses stays as it is, and is not
 * tried again by a walker of this version.
 *
 * @returns whether there may be more
 */
async function walkAgain(
  database: Database,
  writer: WriterClient,
  isStopped: () => boolean,
): Promise<boolean> {
  const position = readPosition(database);
  if (position === null) return false;
  const rows = database.rows<Row>(
    `SELECT t.body_id, t.walker, b.size_bytes FROM body_texts t JOIN bodies b ON b.id = t.body_id
     WHERE t.body_id > ? ORDER BY t.body_id LIMIT ?`,
    position,
    limits.walkedRows,
  );
  const contents: (DerivedContent & { readonly bodyId: number })[] = [];
  let lastId: number | undefined;
  let [count, bytes] = [0, 0];
  for (const [bodyId, walker, sizeBytes] of rows) {
    lastId = bodyId;
    if (walker >= walkerVersion) continue;
    const content = await readContent(database, bodyId, isStopped);
    if (isStopped()) return false;
    if (content) contents.push({ ...content, bodyId });
    bytes += sizeBytes;
    if (++count >= limits.walkedBodies || bytes >= limits.walkedBytes) break;
  }
  await writer.request('keepContents', { walker: walkerVersion, contents, lastId });
  return lastId !== undefined;
}

/** The body that the walker has come to; null if it has seen all. */
function readPosition(database: Database): number | null {
  const [walker, bodyId] = database.row<[number, number | null]>(
    'SELECT walker, body_id FROM walks',
  )!;
  return walker === walkerVersion ? bodyId : 0;
}

/** Undefined if the walker refuses the body, or it is gone or damaged (then it stays as it is), or at the end of the store. */
async function readContent(
  database: Database,
  bodyId: number,
  isStopped: () => boolean,
): Promise<DerivedContent | undefined> {
  const walker = new MimeWalker();
  let begin: Uint8Array | undefined;
  try {
    for await (const chunk of readBody(database, bodyId, 0, Infinity)) {
      begin ??= chunk;
      walker.push(chunk);
      if (walker.excess !== undefined || isStopped()) return undefined;
      await setImmediate();
    }
  } catch {
    return undefined;
  }
  const structure = walker.finish();
  if (walker.excess !== undefined) return undefined;
  return deriveContent(toFacts(structure), begin);
}
