// The program of a process that makes changes of many messages, in slices, on a disk that fails at each of the calls that
// a change makes. It throws if the store, or a watcher, is not as the answer says.
import assert from 'node:assert/strict';
import type { MailboxKey, MailStore, PartlyDone } from '../../store/mail-store.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import {
  type CallKind,
  type DiskFault,
  FaultControl,
} from '../fixtures/disk-faults/fault-control.ts';
import { Replica } from '../fixtures/mail-store-contract/replica.ts';
import {
  addMessages,
  makeScene,
  type MessageState,
  readAll,
  readStates,
  requireMailbox,
} from '../fixtures/mail-store-contract/store-steps.ts';

/** Messages of a change; a slice has two. */
const messageCount = 9;
const slices = { stepMessages: 2, sliceMs: 0 };
const uids = Uint32Array.from({ length: messageCount }, (_, index) => index + 1);

/** The mailboxes of a change. */
interface Boxes {
  readonly inbox: MailboxKey;
  readonly archive: MailboxKey;
}

/** What a change says that it did. */
type Done = PartlyDone & {
  readonly changedUids?: Uint32Array;
  readonly uids?: Uint32Array;
  readonly sourceUids?: Uint32Array;
  readonly targetUids?: Uint32Array;
};

/** A change of all messages of INBOX. */
interface Change {
  /** False if it tells watchers only how far it goes. */
  readonly isTold: boolean;
  run(store: MailStore, boxes: Boxes): Promise<Done>;
  /** What is in the mailboxes after it, by what was there before and by what it says that it did. */
  expect(before: Contents, done: Done): Contents;
}

/** For each message its UID, what is in it, and its flags. */
interface Contents {
  readonly inbox: readonly string[];
  readonly archive: readonly string[];
}

const changes: Readonly<Record<string, Change>> = {
  store: {
    isTold: true,
    run: (store, { inbox }) =>
      store.storeFlags(inbox, uids, { mode: 'add', flags: ['\\Flagged', 'new'] }),
    expect: ({ inbox, archive }, { changedUids }) => ({
      inbox: inbox.map((line, index) =>
        changedUids!.includes(index + 1) ? `${index + 1} ${index} \\Flagged \\Deleted new` : line,
      ),
      archive,
    }),
  },
  expunge: {
    isTold: true,
    run: (store, { inbox }) => store.expungeMessages(inbox, undefined),
    expect: ({ inbox, archive }, done) => ({ inbox: without(inbox, done.uids!), archive }),
  },
  move: {
    isTold: true,
    run: (store, { inbox, archive }) => store.moveMessages(inbox, uids, archive),
    expect: ({ inbox, archive }, done) => ({
      inbox: without(inbox, done.sourceUids!),
      archive: [...archive, ...copiesOf(inbox, done)],
    }),
  },
  copy: {
    isTold: false,
    run: (store, { inbox, archive }) => store.copyMessages(inbox, uids, archive),
    expect: ({ inbox, archive }, done) => ({
      inbox,
      archive: [...archive, ...copiesOf(inbox, done)],
    }),
  },
};

function without(lines: readonly string[], gone: Uint32Array): string[] {
  return lines.filter((_, index) => !gone.includes(index + 1));
}

function copiesOf(lines: readonly string[], { sourceUids, targetUids }: Done): string[] {
  return Array.from(sourceUids!, (uid, index) =>
    lines[uid - 1]!.replace(/^\d+/, `${targetUids![index]}`),
  );
}

async function readContents(store: MailStore, { inbox, archive }: Boxes): Promise<Contents> {
  const read = async (box: MailboxKey) =>
    (await readAll(store, box, ['header'])).map(
      ({ uid, header, flags }) =>
        `${uid} ${Buffer.from(header!).toString().slice('Subject: '.length, -4)} ${flags.join(' ')}`,
    );
  return { inbox: await read(inbox), archive: await read(archive) };
}

/** Changes that were done in part. */
let partCount = 0;

/** False once the change makes no call that fails. */
async function runRound(
  store: MailStore,
  control: FaultControl,
  {
    name,
    change,
    ...fault
  }: {
    name: string;
    change: Change;
    fault: DiskFault;
    kinds: readonly CallKind[];
    passing: number;
  },
): Promise<boolean> {
  const scene = await makeScene(store, name);
  const archive = await requireMailbox(store, scene.accountId, 'Archive');
  const boxes: Boxes = { inbox: scene.inbox, archive };
  await addMessages(scene, Array.from(uids.keys(), String), { flags: ['\\Deleted'] });
  await addMessages(scene, ['there'], { box: archive });
  const watched = change.isTold ? [scene.inbox, archive] : [];
  const replicas: Replica[] = [];
  for (const box of watched) replicas.push(await Replica.open(store, box));
  const before = await readContents(store, boxes);
  const failedBefore = control.failedCount;
  control.fail(fault.fault, fault);
  const result = await change.run(store, boxes).catch((error: unknown) => ({ rejected: error }));
  const hasFailed = control.failedCount > failedBefore;
  // With the fault still there: reading goes on, and finds what was told, no more and no less.
  const done = await readContents(store, boxes);
  if ('rejected' in result) assert.deepEqual(done, before, `${name}: ${String(result.rejected)}`);
  else assert.deepEqual(done, change.expect(before, result), name);
  control.mend();
  await expectInStep(store, watched, replicas);
  if ('failure' in result && result.failure !== undefined) partCount++;
  if ('rejected' in result || result.failure !== undefined) {
    const again = await change.run(store, boxes);
    assert.equal(again.failure, undefined);
    await expectInStep(store, watched, replicas);
  }
  for (const replica of replicas) replica.opening.close();
  return hasFailed;
}

/** INBOX that is renamed in part: each message is in one of the mailboxes, as the one who repeats it finds. */
async function runRename(
  store: MailStore,
  control: FaultControl,
  passing: number,
): Promise<boolean> {
  const name = `rename-${passing}`;
  const scene = await makeScene(store, name);
  await addMessages(scene, Array.from(uids.keys(), String), { flags: ['\\Deleted'] });
  const read = async (): Promise<string[][]> => {
    const old = await store.findMailbox(scene.accountId, 'Old');
    const { inbox, archive } = await readContents(store, {
      inbox: scene.inbox,
      archive: old ?? scene.inbox,
    });
    return [inbox, old === undefined ? [] : archive].map((lines) =>
      lines.map((line) => line.replace(/^\d+ /, '')),
    );
  };
  const [before = []] = await read();
  const failedBefore = control.failedCount;
  control.fail('EIO', { passing, kinds: ['sync'] });
  const renamed = store.renameMailbox(scene.accountId, 'INBOX', 'Old');
  const error: unknown = await renamed.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const hasFailed = control.failedCount > failedBefore;
  const [left = [], moved = []] = await read();
  control.mend();
  assert.deepEqual([...moved, ...left], before, name);
  if (error === undefined) assert.deepEqual(left, [], name);
  else if (moved.length > 0) partCount++;
  return hasFailed;
}

/** Who watches knows what a reader reads. */
async function expectInStep(
  store: MailStore,
  watched: readonly MailboxKey[],
  replicas: readonly Replica[],
): Promise<void> {
  for (const [index, box] of watched.entries()) {
    const states: MessageState[] = await readStates(store, box);
    const { highestModseq } = await store.readStatus(box);
    await replicas[index]!.until(highestModseq);
    assert.deepEqual(replicas[index]!.states, states);
  }
}

async function run(dataDirectory: string, controlPath: string): Promise<void> {
  const control = new FaultControl(controlPath);
  let store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0, slices });
  let roundCount = 0;
  for (const [kind, change] of Object.entries(changes)) {
    for (const [fault, kinds, stride] of [
      ['EIO', ['sync'], 1],
      ['EIO', ['write'], 5],
      ['ENOSPC', ['write'], 3],
    ] as const) {
      // Ends: a change makes a bounded number of calls.
      for (let passing = 0; ; passing += stride) {
        const name = `${kind}-${fault}-${kinds.join()}-${passing}`;
        const round = { name, change, fault, kinds, passing };
        if (!(await runRound(store, control, round))) break;
        roundCount++;
      }
      assert.deepEqual(await store.checkIntegrity(), []);
      await store.close();
      store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0, slices });
    }
  }
  for (let passing = 0; await runRename(store, control, passing); passing++) roundCount++;
  await store.collect();
  assert.deepEqual(await store.checkIntegrity(), []);
  await store.close();
  console.log(`${roundCount} ${partCount}`);
}

const [, program, dataDirectory] = process.argv;
if (program === import.meta.filename) {
  await run(dataDirectory!, process.env['DISK_FAULTS_CONTROL']!);
}
