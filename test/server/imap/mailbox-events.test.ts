import t from 'tap';
import { MailboxEvents, type ToldChange } from '../../../server/imap/mailbox-events.ts';
import { noUids } from '../../../protocol/sorted-uids.ts';
import { statesOf } from '../../fixtures/fake-mailbox.ts';

function told(modseq: number): ToldChange {
  return { kind: 'changed', modseq, messages: statesOf([]), expungedUids: noUids };
}

/** Events, and what was brought in: modseqs that were told, and `<` with those that were read. */
function follow() {
  const log: string[] = [];
  const reads: (() => void)[] = [];
  const events: MailboxEvents = new MailboxEvents({
    take: ({ modseq }) => {
      log.push(String(modseq));
      events.reached(modseq);
    },
    readMissed: async (until) => {
      log.push(`<${until}`);
      await new Promise<void>((resolve) => reads.push(resolve));
      events.reached(until);
    },
  });
  /** Ends what is being read. */
  const endRead = async () => {
    reads.shift()!();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { log, events, endRead };
}

await t.test('each change is taken once, from the one on at which it begins', async (t) => {
  const { log, events } = follow();
  for (const modseq of [4, 5, 6]) events.add(told(modseq));
  t.same(log, [], 'they wait');
  events.begin(4);
  events.add(told(6));
  events.add(told(7));
  t.same(log, ['5', '6', '7']);
  t.match(events, { modseq: 7, isReading: false });
});

await t.test('what is missing is read once, and the events behind it wait', async (t) => {
  const { log, events, endRead } = follow();
  events.begin(1);
  events.add(told(3));
  t.equal(events.isReading, true);
  events.add(told(4));
  events.add({ kind: 'changed-much', modseq: 5 });
  events.add(told(6));
  t.same(log, ['<3']);
  await endRead();
  t.same(log, ['<3', '4', '<6'], 'up to the last one that has come');
  events.add(told(7));
  await endRead();
  t.same(log, ['<3', '4', '<6', '7']);
});

await t.test('whoever waits for a modseq waits until it is reached', async (t) => {
  const { log, events, endRead } = follow();
  events.begin(1);
  await events.reach(1);
  const reached = [2, 4].map(async (modseq) => {
    await events.reach(modseq);
    log.push(`reached ${modseq}`);
  });
  events.add(told(2));
  await reached[0];
  events.add(told(4));
  t.same(log, ['2', 'reached 2', '<4']);
  await endRead();
  await reached[1];
  t.equal(log.at(-1), 'reached 4');
});

await t.test('once they end nobody waits, and what waited is dropped', async (t) => {
  const { log, events, endRead } = follow();
  events.begin(1);
  events.add(told(3));
  events.add(told(4));
  const reached = events.reach(9);
  events.end();
  await reached;
  await endRead();
  t.same(log, ['<3']);
});
