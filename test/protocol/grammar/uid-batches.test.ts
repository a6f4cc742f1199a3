import t from 'tap';
import { maxNumber } from '../../../protocol/limits.ts';
import { decode, readEvents } from '../../fixtures/read-events.ts';

await t.test('a size, and perhaps some of the batches', (t) => {
  const batches = (first: number, last: number) => ({ batches: { first, last } });
  for (const [line, expected] of [
    ['UIDBATCHES 2000', { size: 2000 }],
    ['uidbatches 1', { size: 1 }],
    ['UIDBATCHES 2000 10:20', { size: 2000, ...batches(10, 20) }],
    ['UIDBATCHES 2000 7:7', { size: 2000, ...batches(7, 7) }],
    [`UIDBATCHES ${maxNumber} 1:${maxNumber}`, { size: maxNumber, ...batches(1, maxNumber) }],
  ] as const) {
    t.same(decode(line), { name: 'UIDBATCHES', ...expected }, line);
  }
  t.end();
});

await t.test('what is none', (t) => {
  for (const [line, error] of [
    ['UIDBATCHES', 'Expected space, got end of command'],
    ['UIDBATCHES 0', 'Expected batch size above 0, got "0"'],
    ['UIDBATCHES 4294967296', 'Expected batch size above 0 up to 4294967295, got "4294967296"'],
    ['UIDBATCHES *', 'Expected batch size above 0, got "*"'],
    ['UIDBATCHES 2000 10', 'Expected ":", got end of command'],
    ['UIDBATCHES 2000 0:1', 'Expected batch number above 0, got "0:1"'],
    ['UIDBATCHES 2000 1:*', 'Expected batch number above 0, got "*"'],
    ['UIDBATCHES 2000 1:2 3', 'Expected end of command, got " 3"'],
    ['UID UIDBATCHES 2000', 'Unknown command "UID UIDBATCHES"'],
  ]) {
    t.equal(decode(line ?? ''), `BAD ${error}`);
  }
  t.match(readEvents(['t UIDBATCHES 2000 4:1\r\n']), [
    {
      kind: 'bad',
      code: 'CLIENTBUG',
      text: 'Expected batches from the lower number up, got "4:1"',
    },
  ]);
  t.end();
});
