import { createHash } from 'node:crypto';
import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { redisLimits } from '../../../../tls/limits.ts';
import type { PurgeOwner } from '../../../../tls/sessions/session-cache.ts';
import { RedisFailure } from '../../../../tls/sessions/redis/redis-connection.ts';
import { encodeRecord, RedisKeys } from '../../../../tls/sessions/redis/redis-layout.ts';
import type { RedisCommand } from '../../../../tls/sessions/redis/redis-link.ts';
import { SessionOwners } from '../../../../tls/sessions/redis/session-owners.ts';
import { makeSession } from '../../../fixtures/session-cache-contract.ts';

const lifetimeMs = 50_000;
const account = 'alice';
/** Longer than any number of answers take that come at once. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await nextTurn();
};

mock.timers.enable({ apis: ['setTimeout'] });
t.teardown(() => mock.timers.reset());

/** What is owed is tried again. */
async function retry(): Promise<void> {
  mock.timers.tick(redisLimits.purgeRetryMs);
  await settled();
}

type Answer = (command: RedisCommand) => unknown;

/** A Redis without sessions: it notes what it is sent, and answers as a test says. */
class ScriptedRedis {
  isConnected = true;
  /** Throws what the command fails with; may answer later. */
  answer: Answer = emptyAnswer;
  readonly sent: RedisCommand[] = [];

  readonly sendPatiently = async (_key: string, command: RedisCommand): Promise<unknown> => {
    this.sent.push(command);
    return this.answer(command);
  };

  readonly send = async (key: string, command: RedisCommand): Promise<unknown> => {
    try {
      return await this.sendPatiently(key, command);
    } catch (error) {
      return error;
    }
  };

  readonly masters = async () => [(command: RedisCommand) => this.sendPatiently('', command)];

  /** How often a command was sent that begins like this. */
  count(verb: string): number {
    return this.sent.filter(([first]) => first === verb).length;
  }
}

function emptyAnswer([verb]: RedisCommand): unknown {
  if (verb === 'SCAN') return [Buffer.from('0'), []];
  return verb === 'ZRANGE' ? [] : 1;
}

const fail: Answer = () => {
  throw new RedisFailure('timeout', 'Redis has not answered in time');
};

/** Answers as `answer` does, but not before it is let go. */
function held(answer: Answer): { readonly answer: Answer; letGo(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { answer: async (command) => promise.then(() => answer(command)), letGo: resolve };
}

interface Scene {
  readonly owners: SessionOwners;
  readonly redis: ScriptedRedis;
  readonly clock: { nowMs: number };
  readonly late: [PurgeOwner, boolean][];
  readonly removed: string[];
}

function open(t: Test): Scene {
  const redis = new ScriptedRedis();
  const clock = { nowMs: 1_000_000 };
  const late: Scene['late'] = [];
  const removed: string[] = [];
  const owners = new SessionOwners({
    commands: redis,
    keys: new RedisKeys('test:'),
    sealer: { ownerTags: (kind, name) => [tagOf(kind, name)] },
    clock: () => clock.nowMs,
    lifetimeMs,
    onRemoved: (_, reason) => void removed.push(reason),
    onLatePurge: (...args) => void late.push(args),
  });
  t.teardown(() => owners.close());
  return { owners, redis, clock, late, removed };
}

function tagOf(kind: string, name: string): Buffer {
  return createHash('md5').update(`${kind} ${name}`).digest();
}

function recordOf(owner: string, expiresAt: number): Buffer {
  const tags = { account: tagOf('account', owner), certificate: undefined };
  return encodeRecord({ expiresAt, sealed: new Uint8Array(1) }, tags);
}

void t.test('an owed purge that is under way is not begun again', async (t) => {
  const { owners, redis, late } = open(t);
  redis.answer = fail;
  await t.rejects(owners.purge({ account }), { name: 'PurgeError' });
  const { answer, letGo } = held(emptyAnswer);
  redis.answer = answer;
  redis.sent.length = 0;
  await retry();
  t.equal(redis.count('ZRANGE'), 1);
  redis.answer = fail;
  await t.rejects(owners.purge({ account: 'bob' }));
  t.equal(redis.count('ZRANGE'), 2);
  await retry();
  t.equal(redis.count('ZRANGE'), 2, 'nothing is begun beside it');
  redis.answer = emptyAnswer;
  letGo();
  await settled();
  t.same(late, [[{ account }, true]]);
  await retry();
  t.same(late.slice(1), [[{ account: 'bob' }, true]], 'what came meanwhile comes next');
  t.equal(redis.count('ZRANGE'), 3);
  await retry();
  t.equal(redis.count('ZRANGE'), 3, 'and nothing once all is done');
});

void t.test('nor is one that its caller still waits for', async (t) => {
  const { owners, redis, late } = open(t);
  redis.answer = fail;
  await t.rejects(owners.purge({ account }));
  const { answer, letGo } = held(emptyAnswer);
  redis.answer = answer;
  redis.sent.length = 0;
  const purge = owners.purge('all');
  await retry();
  t.equal(redis.count('SCAN'), 1);
  t.equal(redis.count('ZRANGE'), 0, 'it takes the place of the one before');
  letGo();
  t.equal(await purge, 0);
  t.same(late, [], 'and is not late');
  await retry();
  t.equal(redis.sent.length, 1);
});

void t.test('nor is one begun that another has replaced', async (t) => {
  const { owners, redis, late } = open(t);
  redis.answer = fail;
  await t.rejects(owners.purge({ account }));
  await t.rejects(owners.purge({ account: 'bob' }));
  const { answer, letGo } = held(emptyAnswer);
  redis.answer = answer;
  redis.sent.length = 0;
  await retry();
  redis.answer = emptyAnswer;
  await owners.purge('all');
  letGo();
  await settled();
  t.equal(redis.count('ZRANGE'), 1);
  t.same(late, [[{ account }, true]]);
});

void t.test('a purge that Redis refuses keeps no other from being done', async (t) => {
  const { owners, redis, late } = open(t);
  redis.answer = fail;
  await t.rejects(owners.purge({ account }));
  await t.rejects(owners.purge({ account: 'bob' }));
  const indexOfAlice = new RedisKeys('test:').index('account', tagOf('account', account));
  redis.answer = (command) => (command[1] === indexOfAlice ? fail(command) : emptyAnswer(command));
  await retry();
  t.same(late, [[{ account: 'bob' }, true]]);
});

void t.test('nothing is sent while Redis is away', async (t) => {
  const { owners, redis, late } = open(t);
  redis.answer = fail;
  await t.rejects(owners.purge({ account }));
  await owners.promote([makeSession().id], account);
  redis.isConnected = false;
  redis.sent.length = 0;
  await owners.promote([makeSession().id], account);
  t.equal(redis.sent.length, 1, 'but for what nobody owes yet');
  redis.sent.length = 0;
  for (let attempt = 0; attempt < 3; attempt++) await retry();
  t.equal(redis.sent.length, 0);
  redis.isConnected = true;
  redis.answer = emptyAnswer;
  await retry();
  t.equal(redis.count('ZRANGE'), 1);
  t.equal(redis.count('EVAL'), 2);
  t.same(late, [[{ account }, true]]);
});

void t.test('an owed purge covers what may have been stored before it, and ends', async (t) => {
  const { owners, redis, clock, late } = open(t);
  const { id } = makeSession();
  redis.answer = fail;
  const calledAt = clock.nowMs;
  await t.rejects(owners.purge({ account }));
  const lastMs = calledAt + lifetimeMs + redisLimits.clockSlackMs;
  t.equal(owners.removalOf(id, recordOf(account, lastMs)), 'purged');
  t.equal(owners.removalOf(id, recordOf('bob', lastMs)), undefined);
  t.equal(owners.removalOf(id, recordOf(account, lastMs + 1)), undefined, 'stored after it');
  redis.isConnected = false;
  clock.nowMs = lastMs - 1;
  await retry();
  t.equal(owners.removalOf(id, recordOf(account, lastMs)), 'purged');
  clock.nowMs = lastMs;
  await retry();
  redis.isConnected = true;
  redis.sent.length = 0;
  await retry();
  t.equal(redis.sent.length, 0, 'all that it covers has expired');
  t.same(late, []);
});

void t.test('a session that Redis does not give to its account is removed', async (t) => {
  const done: Answer = () => 1;
  const stored = recordOf('nobody', 0);
  const remove: Answer = () => stored;
  // What Redis does with the commands of a login, one by one: the index, the session, the removal.
  for (const [name, answers] of [
    ['no index', [fail, remove]],
    ['an index, but no session', [done, fail, remove]],
  ] as const) {
    const { owners, redis, removed } = open(t);
    const { id } = makeSession();
    redis.answer = (command) => answers[redis.sent.length - 1]!(command);
    await owners.promote([id], account);
    t.same(removed, ['cleared'], name);
    t.equal(owners.removalOf(id, stored), undefined);
    await retry();
    t.equal(redis.sent.length, answers.length, 'nothing is owed');
  }
});

void t.test('its removal is owed if Redis does not do that either', async (t) => {
  const { owners, redis, clock, removed } = open(t);
  const stored = recordOf('nobody', clock.nowMs + lifetimeMs);
  const tags = owners.tagsOf({ certificate: 'ab' });
  const { id } = makeSession();
  redis.answer = fail;
  await owners.promote([id], account);
  await retry();
  t.equal(owners.removalOf(id, stored), 'cleared', 'it counts as gone');
  t.equal(owners.removalOf(id, recordOf(account, 0)), undefined, 'unless its account has it');
  redis.answer = () => stored;
  t.equal(await owners.index(id, tags, clock.nowMs), false, 'and is not stored any more');
  await retry();
  t.same(removed, ['cleared']);
  t.equal(owners.removalOf(id, stored), undefined);
  t.equal(await owners.index(id, tags, clock.nowMs), true);
});

void t.test('and one that is owed anew is not settled by the answer to the first', async (t) => {
  const { owners, redis, clock } = open(t);
  const stored = recordOf(account, clock.nowMs);
  const { id } = makeSession();
  redis.answer = fail;
  await owners.promote([id], account);
  const { answer, letGo } = held(() => null);
  redis.answer = answer;
  await retry();
  redis.answer = fail;
  await owners.promote([id], 'bob');
  letGo();
  await settled();
  t.equal(owners.removalOf(id, stored), 'cleared');
});

void t.test('and ends when the session has expired', async (t) => {
  const { owners, redis, clock } = open(t);
  const { id } = makeSession();
  redis.answer = fail;
  await owners.promote([id], account);
  redis.isConnected = false;
  const lastMs = clock.nowMs + lifetimeMs + redisLimits.clockSlackMs;
  clock.nowMs = lastMs - 1;
  await retry();
  t.equal(owners.removalOf(id, recordOf('nobody', lastMs)), 'cleared');
  clock.nowMs = lastMs;
  await retry();
  t.equal(owners.removalOf(id, recordOf('nobody', lastMs)), undefined);
});

void t.test('a purge that comes during a login removes its session', async (t) => {
  const { owners, redis, removed } = open(t);
  const { id } = makeSession();
  const { answer, letGo } = held(() => 1);
  redis.answer = answer;
  const login = owners.promote([id], account);
  redis.answer = emptyAnswer;
  await owners.purge({ account });
  redis.answer = fail;
  letGo();
  await login;
  t.same(removed, []);
  redis.answer = () => recordOf('nobody', 0);
  await retry();
  t.same(removed, ['purged']);
});

void t.test('nothing is owed for a session that never reached Redis', async (t) => {
  const { owners, redis, clock } = open(t);
  const [known, forgotten] = [makeSession(), makeSession()];
  redis.answer = fail;
  owners.noteUnsent(known.id);
  owners.noteUnsent(forgotten.id);
  await owners.promote([known.id], account);
  t.equal(owners.removalOf(known.id, recordOf('nobody', 0)), undefined);
  clock.nowMs += redisLimits.unsentMs;
  await retry();
  await owners.promote([forgotten.id], account);
  t.equal(owners.removalOf(forgotten.id, recordOf('nobody', 0)), 'cleared');
});

void t.test('a Redis that is away for very many logins loses all sessions', async (t) => {
  const { owners, redis, clock, late } = open(t);
  redis.isConnected = false;
  redis.answer = fail;
  const ids = Array.from({ length: redisLimits.owedRemovals }, () => makeSession().id);
  await owners.promote(ids, account);
  const ofBob = recordOf('bob', clock.nowMs + lifetimeMs);
  t.equal(owners.removalOf(makeSession().id, ofBob), undefined);
  await owners.promote([makeSession().id], account);
  t.equal(owners.removalOf(makeSession().id, ofBob), 'purged');
  redis.isConnected = true;
  redis.answer = emptyAnswer;
  redis.sent.length = 0;
  await retry();
  t.same(late, [['all', true]]);
  t.equal(redis.sent.length, 1, 'at once, not one by one');
});
