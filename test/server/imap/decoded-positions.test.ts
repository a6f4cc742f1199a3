import t from 'tap';
import { DecodedPositions } from '../../../server/imap/decoded-positions.ts';

const part = { bodyId: 1, bodyStart: 100, end: 10_000 };
const begin = { encodedStart: 100, decodedBytes: 0 };

await t.test('the last place before an offset counts, of the same part only', async (t) => {
  const positions = new DecodedPositions();
  t.same(positions.find(part, 50), begin);
  for (const decodedBytes of [300, 30]) {
    positions.remember(part, { encodedStart: 100 + 2 * decodedBytes, decodedBytes });
  }
  t.match(positions.find(part, 29), begin);
  t.match(positions.find(part, 30), { encodedStart: 160, decodedBytes: 30 });
  t.match(positions.find(part, 299), { encodedStart: 160, decodedBytes: 30 });
  t.match(positions.find(part, 1_000), { encodedStart: 700, decodedBytes: 300 });
  for (const other of [{ bodyId: 2 }, { bodyStart: 101 }, { end: 9_999 }]) {
    t.equal(positions.find({ ...part, ...other }, 1_000).decodedBytes, 0);
  }
});

await t.test('the oldest is forgotten, and none is remembered twice', async (t) => {
  const positions = new DecodedPositions();
  const place = (decodedBytes: number) => ({ encodedStart: 100 + decodedBytes, decodedBytes });
  positions.remember(part, place(1));
  for (let count = 0; count < 20; count++) positions.remember(part, place(2));
  t.match(positions.find(part, 1), place(1));
  for (let index = 3; index < 9; index++) positions.remember(part, place(index));
  t.match(positions.find(part, 1), place(1));
  positions.remember(part, place(9));
  t.match(positions.find(part, 1), begin);
  t.match(positions.find(part, 2), place(2));
});
