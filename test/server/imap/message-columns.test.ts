import t from 'tap';
import { FlagSets } from '../../../server/imap/flag-sets.ts';
import { MessageColumns } from '../../../server/imap/message-columns.ts';
import { type FakeMessage, statesOf } from '../../fixtures/fake-mailbox.ts';
import { SeededRandom } from '../../fixtures/seeded-random.ts';

/** Columns, and beside them a list of the same messages. */
class Pair {
  readonly flagSets = new FlagSets();
  readonly columns = new MessageColumns(this.flagSets);
  readonly messages = new Map<number, FakeMessage>();

  append(messages: readonly FakeMessage[]): void {
    this.columns.append(statesOf(messages));
    const last = Math.max(0, ...this.messages.keys());
    for (const message of messages) {
      if (message.uid > last) this.messages.set(message.uid, message);
    }
  }

  update(messages: readonly FakeMessage[]): void {
    this.columns.update(statesOf(messages));
    for (const message of messages) {
      const known = this.messages.get(message.uid);
      if (known !== undefined && known.modseq <= message.modseq) {
        this.messages.set(message.uid, message);
      }
    }
  }

  /** The UIDs that both say were there. */
  remove(uids: readonly number[]): readonly [columns: number[], messages: number[]] {
    const removed = this.columns.remove(Uint32Array.from(uids));
    return [[...removed], uids.filter((uid) => this.messages.delete(uid))];
  }

  get contents(): string[] {
    const { columns, flagSets } = this;
    return Array.from({ length: columns.count }, (_, index) => {
      const flags = flagSets.listOf(columns.flags[index]!, false);
      return `${columns.uids[index]} ${columns.modseqs[index]} ${flags}`;
    });
  }

  get expected(): string[] {
    return [...this.messages.values()].map(
      ({ uid, modseq, flags }) => `${uid} ${modseq} (${flags.join(' ')})`,
    );
  }
}

function messagesOf(uids: readonly number[], modseq: number, ...flags: string[]): FakeMessage[] {
  return uids.map((uid) => ({ uid, modseq, flags }));
}

await t.test('messages come at the end, change, and go from anywhere', async (t) => {
  const pair = new Pair();
  pair.append(messagesOf([1, 3, 5, 7, 9], 2));
  t.same(pair.remove([2, 4]), [[], []], 'none was there');
  t.same(pair.remove([1, 5, 9, 10])[0], [1, 5, 9]);
  pair.append(messagesOf([3, 7, 11], 3, '\\Seen'));
  t.same(pair.contents, ['3 2 ()', '7 2 ()', '11 3 (\\Seen)'], 'only what is above all others');
  pair.update(messagesOf([2, 7, 11, 12], 3, 'a'));
  t.same(pair.contents, ['3 2 ()', '7 3 (a)', '11 3 (a)'], 'only what is there');
  pair.update(messagesOf([3, 7], 2, 'old'));
  t.same(pair.contents, ['3 2 (old)', '7 3 (a)', '11 3 (a)'], 'not by what is older');
  t.equal(pair.columns.indexOf(7, 0), 1);
  t.equal(pair.columns.indexOf(9, 1), -1);
  pair.remove([3, 7, 11]);
  t.match(pair.columns, { count: 0, lastUid: 0 });
});

await t.test('random changes, in any order of UIDs', async (t) => {
  const random = new SeededRandom(20);
  const pair = new Pair();
  const wrong: string[] = [];
  let uidNext = 1;
  for (let modseq = 1; modseq <= 400; modseq++) {
    const chance = random.pick([0.02, 0.5, 1]);
    // UIDs that are there, and others between them.
    const some = [...pair.messages.keys()]
      .flatMap((uid) => [uid, uid + 1])
      .filter(() => random.chance(chance));
    const kind = random.below(4);
    if (kind === 0) {
      const uids = Array.from({ length: random.below(100) }, () => (uidNext += 2));
      pair.append(messagesOf(uids, modseq, `k${modseq}`));
    } else if (kind === 1) {
      const [columns, messages] = pair.remove(some);
      if (columns.join() !== messages.join()) wrong.push(`remove at ${modseq}`);
    } else {
      // As changes are read: ascending by modseq, and by UID within each.
      const half = Math.floor(some.length / 2);
      const [low, high] = [some.slice(0, half), some.slice(half)];
      pair.update([...messagesOf(high, modseq - 1, 'x'), ...messagesOf(low, modseq, '\\Seen')]);
    }
    if (pair.contents.join() !== pair.expected.join()) wrong.push(`contents at ${modseq}`);
  }
  t.same(wrong, []);
});

await t.test('sets of flags that no message has are forgotten', async (t) => {
  const pair = new Pair();
  for (let modseq = 1; modseq <= 300; modseq++) {
    if (modseq === 1) pair.append(messagesOf([1, 2], modseq));
    pair.update(messagesOf([1, 3], modseq, `a${modseq}`));
    pair.append(messagesOf([modseq + 2], modseq, `b${modseq}`));
    pair.remove([modseq + 1]);
  }
  t.ok(pair.flagSets.size < 10, `${pair.flagSets.size} sets`);
  pair.columns.clear();
  pair.append(messagesOf([1], 1, 'c'));
  t.same(pair.contents, ['1 1 (c)']);
  t.ok(pair.flagSets.size < 10, `${pair.flagSets.size} sets`);
});

await t.test('room that is not needed any more is given back', async (t) => {
  const pair = new Pair();
  const uids = Array.from({ length: 10_000 }, (_, index) => index + 1);
  pair.append(messagesOf(uids, 1));
  pair.remove(uids.slice(10));
  t.ok(pair.columns.sizeBytes < 1000, `${pair.columns.sizeBytes} bytes`);
  t.equal(pair.contents.join(), pair.expected.join());
});
