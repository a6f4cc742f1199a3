import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { Database } from '../database.ts';
import type { WriteBackOrder, WriteBackReport } from './checkpoints.ts';

/** Writes the log back to the file, on a connection of its own, whenever the writer says so. */
function run(port: MessagePort): void {
  const database = new Database((workerData as { readonly path: string }).path, 'writer');
  port.on('message', (order: WriteBackOrder) => {
    if (order !== 'end') {
      port.postMessage(writeBack(database, order === 'write-back' ? 1 : maxTimes));
      return;
    }
    database.close();
    port.close();
  });
}

/** The second time takes so little that hardly ever pages come meanwhile; then it takes the sync of all, and others have come. */
const maxTimes = 3;

function writeBack(database: Database, times: number): WriteBackReport {
  try {
    for (let time = 0; time < times; time++) {
      database.writeBack();
      if (database.logState().pendingCount === 0) break;
    }
    return {};
  } catch (error) {
    const { message, errcode } = error as Error & { readonly errcode?: number };
    return { failure: { text: message, errcode } };
  }
}

if (parentPort) run(parentPort);
