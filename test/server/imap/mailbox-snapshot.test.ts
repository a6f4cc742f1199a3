import t from 'tap';
import { MailboxSnapshot } from '../../../server/imap/mailbox-snapshot.ts';
import { SnapshotRegistry } from '../../../server/imap/snapshot-registry.ts';
import type { MailboxChanges, MailStore } from '../../../store/mail-store.ts';

/** A store that knows one answer to readChanges and counts the calls. */
function storeOf(changes: MailboxChanges) {
  const calls: number[] = [];
  const readChanges = async (_mailboxId: number, modseq: number): Promise<MailboxChanges> => {
    calls.push(modseq);
    return changes;
  };
  return { calls, store: { readChanges } as Partial<MailStore> as MailStore };
}

const message = (uid: number, modseq: number, isNew: boolean) => ({
  uid,
  modseq,
  flags: [],
  isNew,
});

await t.test('sequence numbers are places among the UIDs', async (t) => {
  const snapshot = new MailboxSnapshot(1, 5, Uint32Array.of(2, 3, 9));
  t.equal(snapshot.sequenceNumberOf(2), 1);
  t.equal(snapshot.sequenceNumberOf(9), 3);
  t.equal(snapshot.sequenceNumberOf(4), undefined);
  t.equal(snapshot.sequenceNumberOf(10), undefined);
});

await t.test('advance takes out what is gone and adds what came', async (t) => {
  const snapshot = new MailboxSnapshot(1, 5, Uint32Array.of(2, 3, 9));
  const { store } = storeOf({
    modseq: 8,
    messages: [message(2, 6, false), message(12, 7, true)],
    expungedUids: Uint32Array.of(3, 11),
  });
  const { next } = await snapshot.advance(store, 8);
  t.equal(next.modseq, 8);
  t.same([...next.uids], [2, 9, 12]);
  t.same([...snapshot.uids], [2, 3, 9], 'the snapshot itself stays');
});

await t.test(
  'sessions at one place read the changes once and share the next snapshot',
  async (t) => {
    const snapshot = new MailboxSnapshot(1, 5, Uint32Array.of(2));
    const { store, calls } = storeOf({
      modseq: 6,
      messages: [message(3, 6, true)],
      expungedUids: new Uint32Array(),
    });
    const first = await snapshot.advance(store, 6);
    const second = await snapshot.advance(store, 6);
    t.equal(first.next, second.next);
    t.same(calls, [5]);
    await snapshot.advance(store, 7);
    t.same(calls, [5, 5], 'a later modseq is asked for');
  },
);

await t.test('the registry shares a snapshot among those who open the same state', async (t) => {
  const registry = new SnapshotRegistry();
  const first = registry.share(1, 5, Uint32Array.of(1));
  t.equal(registry.share(1, 5, Uint32Array.of(1)), first);
  t.not(registry.share(2, 5, Uint32Array.of(1)), first);
  const later = registry.share(1, 6, Uint32Array.of(1, 2));
  t.not(later, first);
  registry.add(first);
  t.equal(registry.share(1, 6, Uint32Array.of(1, 2)), later, 'an older one does not come back');
});
