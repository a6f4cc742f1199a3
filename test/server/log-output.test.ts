import t from 'tap';
import { LogOutput } from '../../server/log-output.ts';
import { until } from '../fixtures/until.ts';

/** A file with so much room, and an output that writes to it. */
function makeOutput({ room = Infinity, code = 'ENOSPC' } = {}) {
  const file = { text: '', room, code };
  const write = (_fd: number, bytes: Uint8Array): number => {
    if (file.room === 0) throw Object.assign(new Error(file.code), { code: file.code });
    const count = Math.min(bytes.length, file.room);
    file.room -= count;
    file.text += Buffer.from(bytes.subarray(0, count)).toString();
    return count;
  };
  const output = new LogOutput({ fd: 2, write, clock: () => Date.UTC(2030, 0, 1) });
  return { file, output };
}

function lossLine(lostLines: number, code: string): string {
  const msg = 'lines of the log could not be written';
  return `${JSON.stringify({ level: 'warn', time: '2030-01-01T00:00:00.000Z', lostLines, code, msg })}\n`;
}

await t.test('lines come out as they are', async (t) => {
  const { file, output } = makeOutput();
  output.write('1\n2\n');
  output.write('é\n');
  t.equal(file.text, '1\n2\né\n');
  t.equal(output.lostLineCount, 0);
});

await t.test(
  'what a full disk does not take is counted, and told once it takes again',
  async (t) => {
    const { file, output } = makeOutput({ room: 5 });
    output.write('123\n');
    output.write('456\n789\n');
    t.equal(output.lostLineCount, 2, 'with the one that was cut');
    output.write('abc\n');
    t.equal(file.text, '123\n4');
    t.equal(output.lostLineCount, 3);
    file.room = Infinity;
    output.write('def\n');
    output.write('ghi\n');
    t.equal(file.text, `123\n4\n${lossLine(3, 'ENOSPC')}def\nghi\n`, 'each line stays whole');
    t.equal(output.lostLineCount, 3);
  },
);

await t.test('a reader that is gone is no error', async (t) => {
  const { output } = makeOutput({ room: 0, code: 'EPIPE' });
  for (let line = 1; line <= 100; line++) output.write(`${line}\n`);
  t.equal(output.lostLineCount, 100);
  output.finish();
});

await t.test('lines wait for a reader that is slow', async (t) => {
  const { file, output } = makeOutput({ room: 3, code: 'EAGAIN' });
  output.write('12345\n');
  output.write('6789\n');
  t.equal(file.text, '123');
  file.room = Infinity;
  await until(() => file.text === '12345\n6789\n');
  t.equal(output.lostLineCount, 0);
});

await t.test('but not more of them than a bound', async (t) => {
  const { file, output } = makeOutput({ room: 0, code: 'EAGAIN' });
  const line = `${'x'.repeat(1023)}\n`;
  for (let count = 0; count < 1024; count++) output.write(line);
  t.equal(output.lostLineCount, 0, '1 MiB waits');
  output.write('y\nz\n');
  t.equal(output.lostLineCount, 2);
  file.room = Infinity;
  output.finish();
  t.equal(file.text, lossLine(2, 'EAGAIN') + line.repeat(1024));
});
