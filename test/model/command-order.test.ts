import t from 'tap';
import type { Action, SentCommand } from './client-command.ts';
import { ClientMirror } from './client-mirror.ts';
import { searchOrders } from './command-order.ts';
import { Journal, ModelMailbox } from './mailbox-model.ts';

const mirror = new ClientMirror(1, false);
mirror.mailbox = new ModelMailbox('a', new Journal());

function command(action: Action): SentCommand {
  const rest = { usesNumbers: false, isBeyond: false, view: [], isCondstore: false };
  return { text: action.kind, action, mirror, ...rest };
}

const store = (uid: number): SentCommand =>
  command({
    kind: 'store',
    named: [{ uid, flags: '', modseq: 1, isRecent: false, seenState: 0 }],
    isUid: true,
    mode: 'add',
    isSilent: false,
    flags: ['x'],
  });
const noop = command({ kind: 'other' });
const expunge = command({ kind: 'expunge' });

function orders(...bursts: readonly (readonly SentCommand[])[]): string[] {
  const found: string[] = [];
  const path: number[] = [];
  searchOrders(bursts, {
    enter: (burst) => path.push(burst) > 0,
    leave: () => path.pop(),
    end: () => found.push(path.join('')) < 0,
  });
  return found;
}

await t.test('tries each order of commands that touch each other', async (t) => {
  t.same(orders([store(1)], [store(1)]), ['01', '10']);
  t.same(orders([store(1)], [expunge]), ['01', '10']);
  t.same(orders([store(1), store(1)], [store(1)]), ['001', '010', '100']);
});

await t.test('tries one order of those that do not', async (t) => {
  t.same(orders([store(1)], [store(2)], [noop]), ['012']);
  t.same(orders([store(1), store(2)], [store(2)]), ['001', '010']);
});

await t.test('leaves out what follows a command that cannot be', async (t) => {
  let ends = 0;
  const isFound = searchOrders([[store(1)], [store(1)]], {
    enter: (burst) => burst === 1,
    leave: () => {},
    end: () => ++ends > 0,
  });
  t.equal(isFound, false);
  t.equal(ends, 0);
});
