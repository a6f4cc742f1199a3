import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { errorFields } from '../error-fields.ts';
import { writeDurably } from '../write-durably.ts';

const secretBytes = 32;

/**
 * The secret of which names without an account get the salts that SCRAM tells: kept in the data directory, made at the first
 * start, since salts that change with a restart would tell who has an account. Without a directory, and on a disk that cannot be
 * written, it is another one at each start.
 */
export async function readSaltSecret(
  dataDirectory: string | undefined,
  logger: Pick<Logger, 'warn'>,
): Promise<Uint8Array> {
  const random = new Uint8Array(randomBytes(secretBytes));
  if (dataDirectory === undefined) return random;
  const path = join(dataDirectory, 'salt-secret');
  try {
    const kept = await readKept(path);
    if (kept !== undefined) return kept;
    await writeDurably(path, random, 0o600);
  } catch (error) {
    logger.warn(errorFields(error), 'cannot keep the secret of salts: it is another one next time');
  }
  return random;
}

/** Undefined if there is none; one that is broken is replaced. */
async function readKept(path: string): Promise<Uint8Array | undefined> {
  try {
    const bytes = await readFile(path);
    return bytes.length === secretBytes ? new Uint8Array(bytes) : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
