import t from 'tap';
import { FlagSets } from '../../../server/imap/flag-sets.ts';
import { MessageColumns } from '../../../server/imap/message-columns.ts';

await t.test('messages go from anywhere', async (t) => {
  const columns = new MessageColumns(new FlagSets());
  columns.append({
    uids: Uint32Array.of(1, 3, 5, 7, 9),
    modseqs: Float64Array.of(11, 13, 15, 17, 19),
    flags: Uint32Array.of(0, 1, 0, 1, 0),
    flagSets: [[], ['\\Seen']],
  });
  t.same([...columns.remove(Uint32Array.of(2, 4))], [], 'none was there');
  t.same([...columns.remove(Uint32Array.of(1, 5, 9, 10))], [1, 5, 9]);
  columns.push(11, { modseq: 21, flags: 1 });
  t.match(columns, { count: 3, lastUid: 11 });
  t.same([...columns.uids.subarray(0, 3)], [3, 7, 11]);
  t.same([...columns.modseqs.subarray(0, 3)], [13, 17, 21]);
  t.same([...columns.flags.subarray(0, 3)], [1, 1, 1]);
  t.equal(columns.indexOf(7, 0), 1);
  t.equal(columns.indexOf(9, 1), -1);
  columns.remove(Uint32Array.of(3, 7, 11));
  t.match(columns, { count: 0, lastUid: 0 });
});
