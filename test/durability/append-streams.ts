import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';

/** How many streams append at once. */
export const streamCount = 16;

/**
 * The bytes of the message of that name, the same in every process. About one in eight is large enough to
 * be staged; one in sixteen is the same as many others.
 */
export function numberedMessage(name: string): Buffer {
  const random = new SeededRandom(createHash('sha256').update(name).digest().readUInt32LE());
  const sizeBytes = random.chance(1 / 8) ? 260_000 + random.below(200_000) : random.below(20_000);
  const text = random.chance(1 / 16) ? 'The same again.\r\n' : `${name}\r\n`;
  return Buffer.concat([
    Buffer.from(`Subject: ${name}\r\n\r\n`),
    Buffer.alloc(text.startsWith('The') ? 300_000 : sizeBytes, text),
  ]);
}

/**
 * The program of the process that is killed: appends without end, and writes a line `name uid` after each
 * acknowledgement. One more stream files copies and expunges them. With `lastLine` it kills itself at once
 * after so many lines: then whatever was acknowledged too early is lost.
 */
async function run(dataDirectory: string, round: string, lastLine: number): Promise<void> {
  let lineCount = 0;
  const store = await openSqliteStore({ dataDirectory });
  const account = await store.findAccount('alice');
  const accountId = account!.id;
  const inbox = await store.findMailbox(accountId, 'INBOX');
  const archive = await store.findMailbox(accountId, 'Archive');

  const append = async (stream: number) => {
    for (let index = 0; ; index++) {
      const name = `${round}.${stream}.${index}`;
      const draft = store.beginMessage();
      const bytes = numberedMessage(name);
      for (let start = 0; start < bytes.length; start += 30_000) {
        await draft.write(bytes.subarray(start, start + 30_000));
      }
      const internalDate = { epochMs: 0, zoneMinutes: 0 };
      const { uid } = await draft.addTo(inbox!, { flags: [], internalDate });
      // At once and not through a stream, which the kill could catch with lines in it.
      writeSync(1, `${name} ${uid}\n`);
      if (++lineCount === lastLine) process.kill(process.pid, 'SIGKILL');
    }
  };

  const file = async () => {
    for (;;) {
      const { uidNext } = await store.readStatus(inbox!);
      const last = Uint32Array.from({ length: 5 }, (_, index) => Math.max(0, uidNext - 5 + index));
      const { targetUids } = await store.copyMessages(inbox!, last, archive!);
      await store.storeFlags(archive!, targetUids, {
        mode: 'add',
        flags: ['\\Deleted', 'filed'],
      });
      await store.expungeMessages(archive!, targetUids.slice(0, 3));
    }
  };

  await Promise.all([
    ...Array.from({ length: streamCount }, (_, stream) => append(stream)),
    file(),
  ]);
}

const [, program, dataDirectory, round, lastLine] = process.argv;
if (program === import.meta.filename) await run(dataDirectory!, round!, Number(lastLine));
