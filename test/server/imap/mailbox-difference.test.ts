import t from 'tap';
import { FlagSets } from '../../../server/imap/flag-sets.ts';
import { DifferenceReader } from '../../../server/imap/mailbox-difference.ts';
import { MessageColumns } from '../../../server/imap/message-columns.ts';
import { ChangesForgottenError } from '../../../store/mail-store.ts';
import { FakeMailbox } from '../../fixtures/fake-mailbox.ts';

/** A mailbox of five messages, its reader, and what is known of it. */
function fiveMessages() {
  const mailbox = new FakeMailbox();
  for (let index = 0; index < 5; index++) mailbox.add();
  const columns = new MessageColumns(new FlagSets());
  const reader = new DifferenceReader(mailbox.store, mailbox.box, columns);
  const states = () =>
    Array.from({ length: columns.count }, (_, index) => [
      columns.uids[index],
      columns.modseqs[index],
    ]);
  return { mailbox, columns, reader, states };
}

/** Changes of all kinds: 2, 5 and 6 have changed, 6 to 8 come, 1, 3 and 8 go. */
function change(mailbox: FakeMailbox): void {
  mailbox.setFlags([5], ['\\Seen']);
  mailbox.add();
  mailbox.add();
  mailbox.add();
  mailbox.setFlags([6], ['\\Flagged']);
  mailbox.setFlags([2], ['\\Flagged']);
  mailbox.expunge([3, 8]);
  mailbox.expunge([1]);
}

await t.test('at first all messages are new, and nobody was told of any', async (t) => {
  const { mailbox, reader, states } = fiveMessages();
  const { changedUids, expungedUids } = await reader.bring(0, mailbox.modseq);
  t.same([...changedUids], []);
  t.same([...expungedUids], []);
  t.equal(states().length, 5);
  t.equal(mailbox.calls.readChanges, 0);
});

await t.test('later what has changed is brought in', async (t) => {
  const { mailbox, columns, reader, states } = fiveMessages();
  const since = mailbox.modseq;
  await reader.bring(0, since);
  change(mailbox);
  const { changedUids, expungedUids } = await reader.bring(since, mailbox.modseq);
  t.same([...changedUids], [2, 5, 6, 7]);
  t.same([...expungedUids], [1, 3, 8]);
  t.equal(columns.count, 7, 'what is gone stays until that is told');
  t.same([...columns.remove(expungedUids)], [1, 3]);
  t.same(
    states(),
    [2, 4, 5, 6, 7].map((uid) => [uid, mailbox.messages.get(uid)!.modseq]),
  );
  t.equal(mailbox.calls.readChanges, 1);
});

await t.test('a message that comes and changes again while it is read is known', async (t) => {
  const { mailbox, reader, states } = fiveMessages();
  const since = mailbox.modseq;
  await reader.bring(0, since);
  mailbox.add();
  mailbox.add();
  const until = mailbox.modseq;
  mailbox.setFlags([6], ['\\Seen']);
  const { changedUids } = await reader.bring(since, until);
  t.same([...changedUids], [6, 7]);
  t.equal(states().length, 7);
});

await t.test('if the store has forgotten what is gone, all is compared', async (t) => {
  const { mailbox, columns, reader, states } = fiveMessages();
  const since = mailbox.modseq;
  await reader.bring(0, since);
  change(mailbox);
  mailbox.expunge([7]);
  mailbox.expungedHorizon = mailbox.modseq;
  const { changedUids, expungedUids } = await reader.bring(since, mailbox.modseq);
  t.same([...changedUids], [2, 5, 6]);
  t.same([...expungedUids], [1, 3], 'of those that were known');
  columns.remove(expungedUids);
  t.same(
    states(),
    [2, 4, 5, 6].map((uid) => [uid, mailbox.messages.get(uid)!.modseq]),
  );
  mailbox.expunge([...mailbox.messages.keys()]);
  mailbox.expungedHorizon = mailbox.modseq;
  const last = await reader.bring(mailbox.modseq - 1, mailbox.modseq);
  t.same([...last.expungedUids], [2, 4, 5, 6], 'to the last one');
});

await t.test('without the messages it only says which ones', async (t) => {
  const { mailbox, columns, reader } = fiveMessages();
  const since = mailbox.modseq;
  change(mailbox);
  const { changedUids, expungedUids } = await reader.list(since, mailbox.modseq);
  t.same([...changedUids], [2, 5, 6, 7]);
  t.same([...expungedUids], [1, 3, 8]);
  t.equal(columns.count, 0);
  t.equal(mailbox.calls.readStates, 0);
  mailbox.expungedHorizon = mailbox.modseq;
  await t.rejects(reader.list(since, mailbox.modseq), ChangesForgottenError);
});
