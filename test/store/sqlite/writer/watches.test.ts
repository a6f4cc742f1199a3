import t from 'tap';
import type { MailboxEvent } from '../../../../store/mailbox-changes.ts';
import {
  isWatched,
  makeWatchCounters,
  toWatchCounters,
  Watches,
} from '../../../../store/sqlite/writer/watches.ts';

const gone: MailboxEvent = { kind: 'gone' };

/** A client's watches, and the counters as the writer sees them. */
function makeWatches() {
  const shared = makeWatchCounters();
  const { mailboxes } = toWatchCounters(shared);
  return {
    watches: new Watches<MailboxEvent>(mailboxes),
    counters: toWatchCounters(shared).mailboxes,
  };
}

const ignore = () => undefined;
const readNothing = () => undefined;

await t.test('the writer sees a watch before the mailbox is read, and until its end', (t) => {
  const { watches, counters } = makeWatches();
  t.notOk(isWatched(counters, 7));
  const first = watches.open(7, ignore, () => isWatched(counters, 7));
  t.equal(first.value, true, 'what is committed after the read is posted');
  const second = watches.open(7, ignore, readNothing);
  t.equal(watches.count, 2);
  first.close();
  first.close();
  t.ok(isWatched(counters, 7), 'one is left');
  second.close();
  t.notOk(isWatched(counters, 7));
  t.equal(watches.count, 0);
  t.end();
});

await t.test('a read that fails ends the watch', (t) => {
  const { watches, counters } = makeWatches();
  const fail = () => {
    throw new Error('gone');
  };
  t.throws(() => watches.open(7, ignore, fail), /gone/);
  t.notOk(isWatched(counters, 7));
  t.equal(watches.count, 0);
  t.end();
});

await t.test('mailboxes that share a counter cost a message, and tell nothing wrong', (t) => {
  const { watches, counters } = makeWatches();
  const far = 7 + counters.length;
  let count = 0;
  const { close } = watches.open(7, () => count++, readNothing);
  t.ok(isWatched(counters, far));
  t.notOk(isWatched(counters, 8));
  watches.tell(far, gone);
  t.equal(count, 0);
  watches.open(far, ignore, readNothing);
  close();
  t.ok(isWatched(counters, far), 'the other still watches');
  t.end();
});

await t.test('clear ends all, and what ends later counts nothing twice', (t) => {
  const { watches, counters } = makeWatches();
  let count = 0;
  const opened = [7, 7, 8].map((id) => watches.open(id, () => count++, readNothing));
  watches.clear();
  for (const { close } of opened) close();
  watches.tell(7, gone);
  t.same([count, watches.count, counters.every((counter) => counter === 0)], [0, 0, true]);
  t.end();
});
