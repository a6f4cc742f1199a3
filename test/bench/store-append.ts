// Prints how many messages the store takes in a second: node test/bench/store-append.ts [seconds]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { generateMessage } from '../fixtures/mail-generator.ts';
import { makeScene } from '../fixtures/mail-store-contract/store-steps.ts';

const milliseconds = 1000 * Number(process.argv[2] ?? 3);
const samples = Array.from({ length: 200 }, (_, seed) => generateMessage(seed).bytes);
const meanBytes = samples.reduce((sum, { length }) => sum + length, 0) / samples.length;

const dataDirectory = mkdtempSync(join(tmpdir(), 'reprise-bench-'));
const store = await openSqliteStore({ dataDirectory });
const { inbox } = await makeScene(store);
let count = 0;

/** A message that no other is the same as, so that each has a body of its own. */
async function append(): Promise<void> {
  const draft = store.beginMessage();
  await draft.write(Buffer.from(`Message-ID: <${count}@bench>\r\n`));
  await draft.write(samples[count++ % samples.length]!);
  await draft.addTo(inbox, { flags: [], internalDate: { epochMs: 0, zoneMinutes: 0 } });
}

async function measure(streamCount: number): Promise<void> {
  const countBefore = count;
  const start = performance.now();
  const stream = async () => {
    while (performance.now() - start < milliseconds) await append();
  };
  await Promise.all(Array.from({ length: streamCount }, stream));
  const perSecond = ((count - countBefore) / (performance.now() - start)) * 1000;
  console.log(`${String(streamCount).padStart(3)} at once: ${perSecond.toFixed(0)} messages/s`);
}

console.log(`Messages of ${meanBytes.toFixed(0)} bytes on average`);
await measure(1);
for (const streamCount of [1, 16, 100]) await measure(streamCount);
await store.close();
rmSync(dataDirectory, { recursive: true });
