import { StoreError } from '../../mail-store.ts';
import { BodyCheck, bodyDamage, expectSoundBody } from '../damage.ts';
import type { Database } from '../database.ts';
import { openBody, type StoredBody } from './stored-body.ts';

/**
 * All of a body is compared with its digest before its last bytes are given out. Of a part of it each chunk is compared with
 * its check, but for chunks that came before there were checks.
 *
 * @see MailStore.readBody
 */
export async function* readBody(
  database: Database,
  bodyId: number,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  expectSoundBody(database, bodyId);
  const body = openBody(database, bodyId, start <= 0 ? end : 0);
  if (body === undefined) throw noBody();
  const { sizeBytes, sha256 } = body;
  const isWhole = start <= 0 && end >= sizeBytes;
  const check = isWhole ? new BodyCheck(sizeBytes, sha256) : undefined;
  const stop = Math.min(end, sizeBytes);
  let position = Math.max(0, start);
  while (position < stop) {
    const bytes = readPart(database, body, position, stop);
    if (check?.isSound(bytes) === false) throw bodyDamage(database, bodyId);
    yield bytes;
    position += bytes.length;
  }
}

function readPart(
  database: Database,
  body: StoredBody,
  position: number,
  stop: number,
): Uint8Array {
  try {
    const bytes = body.read(position, stop);
    if (bytes !== undefined) return bytes;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'CORRUPTION') bodyDamage(database, body.id);
    throw error;
  }
  // The collector may have come.
  if (openBody(database, body.id, 0) === undefined) throw noBody();
  throw bodyDamage(database, body.id);
}

function noBody(): StoreError {
  return new StoreError('NONEXISTENT', 'The message is gone');
}
