// The program of a process that appends one message and ends, without closing the store.
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { makeLargeMessage } from '../fixtures/mail-generator.ts';
import { addMessage, makeScene } from '../fixtures/mail-store-contract/store-steps.ts';

const [, program, dataDirectory, sizeBytes] = process.argv;
if (program === import.meta.filename) {
  // So short a log is written back many times.
  const writeBack = { writeBackPages: 256, longLogPages: 512, lastPages: 64, maxLogPages: 1024 };
  const options = { dataDirectory: dataDirectory!, collectIntervalMs: 0, writeBack };
  const store = await openSqliteStore(options);
  const scene = await makeScene(store);
  await addMessage(scene, makeLargeMessage(Number(sizeBytes)));
  process.exit();
}
