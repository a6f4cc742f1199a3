import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { limits } from '../../../../store/limits.ts';
import type { StoreProblem } from '../../../../store/opened-store.ts';
import { Disk } from '../../../../store/sqlite/writer/disk.ts';
import type { OperationName } from '../../../../store/sqlite/writer/operations.ts';
import { makeDataDirectory } from '../../../fixtures/sqlite-store.ts';

/** A disk with as much space as the test says, and what it has told. */
function makeDisk(t: Test) {
  const directory = makeDataDirectory(t);
  const problems: (StoreProblem | undefined)[] = [];
  const state = { freeBytes: 1e9, nowMs: 0, askedCount: 0 };
  const disk = new Disk({
    path: join(directory, 'mail.db'),
    freeBytes: () => {
      state.askedCount++;
      return state.freeBytes;
    },
    clock: () => state.nowMs,
    onProblem: (problem) => problems.push(problem),
  });
  return { disk, state, problems, reserve: join(directory, 'reserve') };
}

/** As SQLite reports a failure. */
function sqliteError(errcode: number): Error {
  return Object.assign(new Error('disk I/O error'), { errcode });
}

await t.test('what takes space is refused before the last of it is used', (t) => {
  const { disk, state, problems } = makeDisk(t);
  state.freeBytes = limits.reserveBytes + 1000;
  disk.admit('addMessage', 1000);
  state.freeBytes -= 1000;
  t.throws(() => disk.admit('addMessage', 1), { code: 'OVERQUOTA', message: /disk .* is full/ });
  for (const operation of ['expungeMessages', 'collect', 'storeFlags', 'moveMessages'] as const) {
    disk.admit(operation, 0);
  }
  t.same(problems, ['full']);
  t.end();
});

await t.test('the system is asked now and then, and before anything is refused', (t) => {
  const { disk, state } = makeDisk(t);
  const store = (bytes: number) => {
    disk.admit('addMessage', bytes);
    disk.noteCommit();
  };
  for (let index = 0; index < 100; index++) store(1000);
  t.equal(state.askedCount, 1);
  state.nowMs += limits.freeBytesAgeMs;
  store(1000);
  t.equal(state.askedCount, 2);
  store(1e9 - limits.reserveBytes - 1000);
  t.equal(state.askedCount, 2);
  store(1000);
  t.equal(state.askedCount, 3);
  t.end();
});

await t.test('what a transaction has admitted takes space, unless it is rolled back', (t) => {
  const { disk, state } = makeDisk(t);
  state.freeBytes = limits.reserveBytes + 1000;
  disk.admit('addMessage', 600);
  t.throws(() => disk.admit('addMessage', 401), { code: 'OVERQUOTA' }, 'also if it is asked anew');
  disk.admit('addMessage', 400);
  disk.noteRollback();
  const { askedCount } = state;
  disk.admit('addMessage', 1000);
  disk.noteCommit();
  disk.noteRollback();
  t.equal(state.askedCount, askedCount);
  disk.admit('addMessage', 1);
  t.equal(state.askedCount, askedCount + 1, 'what is committed stays so');
  t.end();
});

await t.test('a full disk stays so until there is space, another until it is written', (t) => {
  const { disk, state, problems } = makeDisk(t);
  t.match(disk.noteFailure(sqliteError(13)), { code: 'OVERQUOTA' });
  state.freeBytes = limits.reserveBytes - 1;
  state.nowMs += limits.freeBytesAgeMs;
  disk.noteSuccess();
  t.equal(disk.problem, 'full');
  state.freeBytes = limits.reserveBytes;
  disk.noteSuccess();
  t.equal(disk.problem, undefined);
  t.match(disk.noteFailure(sqliteError(778)), { code: 'UNAVAILABLE', message: /fails/ });
  disk.noteSuccess();
  state.freeBytes = 0;
  state.nowMs += limits.freeBytesAgeMs;
  t.match(disk.noteFailure(sqliteError(1034)), { code: 'OVERQUOTA' }, 'a sync that found no room');
  t.same(problems, ['full', undefined, 'failing', undefined, 'full']);
  t.end();
});

await t.test('a log that cannot be written back is a problem until it is', (t) => {
  const { disk, problems } = makeDisk(t);
  disk.noteWriteBack(undefined);
  t.notOk(disk.isLogStuck);
  disk.noteWriteBack(sqliteError(778));
  t.ok(disk.isLogStuck);
  disk.noteSuccess();
  t.same(problems, ['failing'], 'though a probe is in the log');
  disk.noteWriteBack(undefined);
  t.same(problems, ['failing'], 'nor is a log that is written back enough');
  disk.noteSuccess();
  t.same(problems, ['failing', undefined]);
  t.end();
});

await t.test('damage and other errors are no problem of the disk', (t) => {
  const { disk, problems } = makeDisk(t);
  const damage = sqliteError(267);
  t.match(disk.noteFailure(damage), { code: 'CORRUPTION', message: /damaged/, cause: damage });
  const other = new Error('other');
  t.equal(disk.noteFailure(other), other);
  t.same(problems, []);
  t.end();
});

await t.test('the reserve is given up for what deletes, and made again', (t) => {
  const { disk, state, reserve } = makeDisk(t);
  const full = sqliteError(13);
  const release = (operation: OperationName, error: unknown = full) =>
    disk.releaseReserve(operation, error, disk.noteFailure(error));
  t.notOk(release('collect'), 'there is none');
  state.freeBytes = 2 * limits.reserveBytes;
  disk.keepReserve();
  t.notOk(existsSync(reserve), 'not on a disk that is nearly full');
  state.freeBytes = 3 * limits.reserveBytes;
  disk.keepReserve();
  t.equal(statSync(reserve).size, limits.reserveFileBytes);
  t.ok(deflateSync(readFileSync(reserve)).length >= limits.reserveFileBytes, 'also if compressed');
  t.notOk(release('addMessage'));
  t.notOk(release('expungeMessages', sqliteError(11)), 'damage wants no space');
  t.notOk(release('expungeMessages', new Error('other')));
  t.ok(release('expungeMessages'));
  t.notOk(existsSync(reserve));
  t.notOk(release('expungeMessages'), 'once');
  disk.keepReserve();
  t.equal(statSync(reserve).size, limits.reserveFileBytes);
  t.end();
});
