import t from 'tap';
import { ExpungeLog } from '../../../server/imap/expunge-log.ts';

const uidsFrom = (first: number, count: number) =>
  Uint32Array.from({ length: count }, (_, index) => first + index);

await t.test('each reader finds what went since its place, ascending', async (t) => {
  const log = new ExpungeLog();
  log.add(Uint32Array.of(5, 9));
  const place = log.end;
  log.add(Uint32Array.of(7));
  log.add(Uint32Array.of(2, 8));
  t.same([...log.since(0)], [2, 5, 7, 8, 9]);
  t.same([...log.since(place)], [2, 7, 8]);
  t.equal(log.since(place), log.since(place), 'one answer for all at a place');
  t.same([...log.since(log.end)], []);
});

await t.test('what no reader has to know is let go of, and nothing else', async (t) => {
  const log = new ExpungeLog();
  const first = { expungePlace: log.end, uidNext: 4000 };
  log.add(uidsFrom(1, 100));
  const second = { expungePlace: log.end, uidNext: 4100 };
  // Messages that came and went, which neither has heard of.
  log.add(uidsFrom(4100, 3000));
  log.add(uidsFrom(3950, 150));
  const upToDate = { expungePlace: log.end, uidNext: 8000 };
  const readers = new Set([upToDate, second, first]);
  const before = log.sizeBytes;
  log.compact(readers);
  t.ok(log.sizeBytes <= 250 * 4 && before > 3000 * 4, `${before}, ${log.sizeBytes} bytes`);
  t.same([...log.since(first.expungePlace)], [...uidsFrom(1, 100), ...uidsFrom(3950, 150)]);
  t.same([...log.since(second.expungePlace)], [...uidsFrom(3950, 150)]);
  t.same([...log.since(upToDate.expungePlace)], []);
  log.add(Uint32Array.of(7));
  t.same([...log.since(upToDate.expungePlace)], [7]);
});

await t.test('a log that everybody has read takes next to nothing', async (t) => {
  const log = new ExpungeLog();
  const reader = { expungePlace: log.end, uidNext: 2_000_000 };
  log.add(uidsFrom(1, 1_000_000));
  reader.expungePlace = log.end;
  log.compact(new Set([reader]));
  t.equal(log.sizeBytes, 0);
  t.equal(log.end, 0);
  t.equal(reader.expungePlace, 0);
});
