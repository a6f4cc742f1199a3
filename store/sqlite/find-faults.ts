import type { Findings } from './integrity-check.ts';
import type { WriterClient } from './writer-client.ts';
import { startThread } from './writer.ts';

/**
 * Checks the file in a thread of its own.
 *
 * @see MailStore.checkIntegrity
 */
export async function findFaults(path: string, writer: WriterClient): Promise<string[]> {
  const { faults, stagedBodyIds } = await check(path);
  const orphans = await writer.request('findOrphanedStagings', { bodyIds: stagedBodyIds });
  return [...faults, ...orphans.map((id) => `Body ${id} is staged and no draft is writing it`)];
}

async function check(path: string): Promise<Findings> {
  const worker = startThread('integrity-thread', { path });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('The integrity check ended without an answer')));
  });
}
