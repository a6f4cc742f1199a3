import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { Database } from './database.ts';
import { checkIntegrity } from './integrity.ts';

/** Checks in a thread of its own, on a connection of its own: nobody waits for it. */
function run(port: MessagePort): void {
  const database = new Database((workerData as { path: string }).path, 'reader');
  try {
    port.postMessage(checkIntegrity(database));
  } finally {
    database.close();
  }
}

if (parentPort) run(parentPort);
