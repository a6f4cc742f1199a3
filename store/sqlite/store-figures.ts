import { setImmediate } from 'node:timers/promises';
import type { Database } from './database.ts';
import { bodyState } from './schema.ts';

/** How much a store holds. */
export interface StoreFigures {
  readonly accountCount: number;
  readonly mailboxCount: number;
  /** In all mailboxes, each copy of a message counted. */
  readonly messageCount: number;
  /** Bytes of these. */
  readonly messageBytes: number;
  /** Bodies that messages share. */
  readonly bodyCount: number;
  /** Bytes of these. */
  readonly bodyBytes: number;
}

/** A fraction of a millisecond; other work of the thread comes in between. */
const rowsPerStep = 1_000;

type MailboxRow = [mailboxCount: number, messageCount: number, messageBytes: number];
type BodyRow = [lastId: number | null, bodyCount: number, bodyBytes: number];

/**
 * Adds up what is in the store, in short steps: the figures are of no single instant where the store changes
 * meanwhile. It reads a row for each mailbox and each body.
 */
export async function readStoreFigures(database: Database): Promise<StoreFigures> {
  const [accountCount] = database.row<[number]>('SELECT count(*) FROM accounts')!;
  const [mailboxCount, messageCount, messageBytes] = database.row<MailboxRow>(
    `SELECT count(*), coalesce(sum(message_count), 0), coalesce(sum(size_bytes), 0)
     FROM mailboxes WHERE account_id IS NOT NULL`,
  )!;
  let bodyCount = 0;
  let bodyBytes = 0;
  let lastId: number | null = 0;
  // Ends: each step begins behind the last id of the one before.
  while (lastId !== null) {
    await setImmediate();
    const step: BodyRow = database.row<BodyRow>(
      `SELECT max(id), count(*) FILTER (WHERE is_shared),
         coalesce(sum(size_bytes) FILTER (WHERE is_shared), 0)
       FROM (SELECT id, size_bytes, state = ${bodyState.whole} AND reference_count > 0 AS is_shared
         FROM bodies WHERE id > ? ORDER BY id LIMIT ${rowsPerStep})`,
      lastId,
    )!;
    lastId = step[0];
    bodyCount += step[1];
    bodyBytes += step[2];
  }
  return { accountCount, mailboxCount, messageCount, messageBytes, bodyCount, bodyBytes };
}

/**
 * How often a stored byte is in use: 2 if every message lies in two mailboxes and is stored once. 1 for
 * an empty store.
 */
export function singleInstanceRatio({ messageBytes, bodyBytes }: StoreFigures): number {
  return bodyBytes === 0 ? 1 : messageBytes / bodyBytes;
}
