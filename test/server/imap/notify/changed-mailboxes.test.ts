import t from 'tap';
import { ChangedMailboxes } from '../../../../server/imap/notify/changed-mailboxes.ts';
import { SeededRandom } from '../../../fixtures/seeded-random.ts';

/** Ids and what has changed of those that have changed after a version. */
function changedAfter(changed: ChangedMailboxes, version: number) {
  const found = [];
  for (let each = changed.next(0, version); each; each = changed.next(each.mailboxId, version)) {
    found.push(each);
  }
  return found;
}

await t.test('what has changed after a version is found, as by a list of all', (t) => {
  const random = new SeededRandom(7);
  const changed = new ChangedMailboxes();
  const all = new Map<number, { messages: number; flags: number; unseen: number }>();
  for (let version = 1; version <= 5_000; version++) {
    const mailboxId = 1 + random.below(300) * 1_000_000_000;
    const known = all.get(mailboxId) ?? { messages: 0, flags: 0, unseen: 0 };
    const choice = random.below(8);
    if (choice === 0) {
      changed.remove(mailboxId);
      all.delete(mailboxId);
    } else if (choice === 1) {
      changed.noteName(mailboxId, version);
      all.set(mailboxId, { ...known, flags: version, unseen: version });
    } else {
      const isFlagsOnly = choice < 5;
      changed.noteChange(mailboxId, version, { modseq: version, isFlagsOnly });
      all.set(mailboxId, { ...known, [isFlagsOnly ? 'flags' : 'messages']: version });
    }
    if (version % 50 > 0) continue;
    const since = random.below(version);
    const expected = [...all]
      .filter(([, { messages, flags }]) => Math.max(messages, flags) > since)
      .map(([id, each]) => ({ mailboxId: id, ...each }))
      .toSorted((a, b) => a.mailboxId - b.mailboxId);
    t.strictSame(changedAfter(changed, since), expected);
    t.equal(changed.count, all.size);
  }
  t.ok(changed.sizeBytes <= all.size * 36 * 1.3, `${changed.sizeBytes} bytes`);
  t.end();
});

await t.test('a change is the only one if all before it was told', (t) => {
  const changed = new ChangedMailboxes();
  changed.noteChange(5, 1, { modseq: 10, isFlagsOnly: false });
  t.equal(changed.versionOfOnly(5, 10, 0), 1);
  changed.noteChange(5, 4, { modseq: 11, isFlagsOnly: true });
  t.equal(changed.versionOfOnly(5, 11, 0), undefined, 'that of another before it is not told');
  t.equal(changed.versionOfOnly(5, 11, 1), 4);
  t.equal(changed.versionOfOnly(5, 10, 4), undefined, 'another has come behind it');
  t.equal(changed.versionOfOnly(6, 11, 4), undefined);
  t.end();
});

await t.test('another number of unseen messages is found when it is read', (t) => {
  const changed = new ChangedMailboxes();
  const unseenAfter = (unseenCount: number, highestModseq: number) => {
    changed.noteRead(5, { unseenCount, highestModseq });
    return changed.find(5)?.unseen;
  };
  changed.noteChange(5, 1, { modseq: 10, isFlagsOnly: true });
  t.equal(unseenAfter(3, 10), 1, 'nobody knows what it was');
  changed.noteChange(5, 2, { modseq: 11, isFlagsOnly: true });
  t.equal(unseenAfter(3, 11), 1, 'it is as it was');
  changed.noteChange(5, 3, { modseq: 12, isFlagsOnly: true });
  t.equal(unseenAfter(4, 13), 3, 'what is read is ahead of what has been heard');
  changed.noteChange(5, 4, { modseq: 13, isFlagsOnly: true });
  t.equal(unseenAfter(4, 13), 4, 'so that those who were not told before are told now');
  t.end();
});
