import pino from 'pino';
import t, { type Test } from 'tap';
import { CachedSessions } from '../../../server/admin/session-administration.ts';
import { connectToServer } from '../../../server/control/control-client.ts';
import { ControlServer } from '../../../server/control/control-server.ts';
import { StoreAdministration } from '../../../server/control/store-administration.ts';
import {
  DerivedTicketKeys,
  NullSessionCache,
  PurgeError,
  RandomTicketKeys,
  type Resumption,
  SegmentSessionCache,
} from '../../../tls/index.ts';
import { makeSession, TestClock } from '../../fixtures/session-cache-contract.ts';
import { someCredentials } from '../../fixtures/mail-store-contract/store-steps.ts';
import { makeSqliteStore } from '../../fixtures/sqlite-store.ts';

const lifetimeMs = 60_000;

/** A control server, a cache with sessions of two accounts, and a client of the control server. */
async function setUp(t: Test, kind: Resumption['kind'] = 'stateful') {
  const clock = new TestClock();
  const { store, dataDirectory } = await makeSqliteStore(t);
  for (const name of ['Alice', 'bob']) await store.createAccount(name, someCredentials);
  const cache = new SegmentSessionCache({ maxBytes: 1 << 20, lifetimeMs, clock: clock.read });
  t.teardown(() => cache.close());
  const ids = new Map<string, Uint8Array>();
  for (const account of ['Alice', 'bob']) {
    const { id, session } = makeSession();
    ids.set(account, id);
    await cache.put(id, session, { expiresAt: Infinity, account, certificate: 'abcd' });
  }
  const ticketKeys = new RandomTicketKeys({ lifetimeMs });
  t.teardown(() => ticketKeys.close());
  const administration = new StoreAdministration(store);
  const told: unknown[] = [];
  const errors: unknown[] = [];
  const mailServer = {
    disconnect: async (...args: unknown[]) => {
      told.push(['disconnect', ...args]);
      return { count: 3, silentCount: 0 };
    },
    forgetCertificate: (...args: unknown[]) => void told.push(['forgetCertificate', ...args]),
  };
  const findAccount = (name: string) => administration.findAccount(name);
  const onError = (error: unknown) => void errors.push(error);
  const common = { kind, cache, ticketKeys, areTicketsAllowed: true, clock: clock.read };
  const counts = {
    handshakes: [{ mode: 'stateful', version: 'TLSv1.3', full: 1, resumed: 3, hitRate: 0.75 }],
    lookups: { hit: 3, unknown: 0, expired: 0, timeout: 1, error: 0 },
    groups: { X25519: 4 },
  };
  const metrics = {
    handshakes: () => counts.handshakes,
    lookups: () => counts.lookups,
    groups: () => counts.groups,
  };
  const parts = { ...common, findAccount, mailServer, metrics, onError };
  const server = new ControlServer({
    dataDirectory,
    administration,
    sessions: new CachedSessions(parts),
    logger: pino({ level: 'silent' }),
  });
  await server.listen();
  t.teardown(() => server.close());
  const client = await connectToServer(dataDirectory);
  if (client === undefined) throw new Error('The control server does not answer');
  t.teardown(() => client.close());
  const isThere = async (account: string) => (await cache.get(ids.get(account)!)) !== undefined;
  return { clock, store, cache, ticketKeys, client, isThere, parts, told, errors, counts };
}

await t.test('the report is what the cache tells', async (t) => {
  const { cache, client, clock, counts } = await setUp(t);
  clock.nowMs += 1_500;
  const { oldestAt, ...stats } = cache.stats();
  t.match(await client.sessionReport(), {
    kind: 'stateful',
    stats,
    oldestSeconds: 1.5,
    ...counts,
  });
  t.ok(oldestAt);
  await cache.purge('all');
  t.notOk('oldestSeconds' in (await client.sessionReport()), 'of none');
});

await t.test('purge of an account, whose name is that of the login', async (t) => {
  const { store, cache, client, isThere, told } = await setUp(t);
  t.same(await client.purgeSessions({ account: 'ALICE' }), {
    kind: 'stateful',
    purgedCount: 1,
    endedCount: 3,
    areTicketsLeft: false,
    problems: [],
  });
  const accountId = (await store.findAccount('alice'))?.id;
  const text = 'Sessions of your account have been purged, log in again';
  t.same(told, [['disconnect', { accountId }, text]]);
  t.notOk(await isThere('Alice'));
  t.ok(await isThere('bob'));
  t.equal(cache.stats().removed.purged, 1);
  await t.rejects(client.purgeSessions({ account: 'carol' }), {
    name: 'StoreError',
    code: 'NONEXISTENT',
    message: 'There is no user "carol"',
  });
});

await t.test('purge of a certificate', async (t) => {
  const { client, cache, told, clock } = await setUp(t);
  t.match(await client.purgeSessions({ certificate: 'abce' }), { purgedCount: 0 });
  told.length = 0;
  t.same(await client.purgeSessions({ certificate: 'abcd' }), {
    kind: 'stateful',
    purgedCount: 2,
    endedCount: 3,
    areTicketsLeft: false,
    problems: [],
  });
  const text = 'Sessions of your certificate have been purged, connect again';
  t.same(told, [
    ['forgetCertificate', 'abcd', clock.nowMs],
    ['disconnect', { certificate: 'abcd' }, text],
  ]);
  t.equal(cache.stats().entryCount, 0);
});

await t.test('purge of all takes the ticket keys along', async (t) => {
  const { client, cache, ticketKeys } = await setUp(t, 'tickets');
  ticketKeys.rotate();
  const before = ticketKeys.keys.map(({ name }) => Buffer.from(name).toString('hex'));
  t.equal(before.length, 2);
  t.same(await client.purgeSessions('all'), {
    kind: 'tickets',
    purgedCount: 2,
    areTicketsLeft: false,
    problems: [],
  });
  t.equal(cache.stats().heldBytes, 0);
  for (const { name } of ticketKeys.keys) {
    t.notOk(before.includes(Buffer.from(name).toString('hex')), 'no key from before');
  }
});

await t.test('keys from a secret stay, and the report says so', async (t) => {
  const { parts } = await setUp(t);
  const ticketKeys = new DerivedTicketKeys({ secrets: [new Uint8Array(32)], lifetimeMs });
  t.teardown(() => ticketKeys.close());
  const sessions = new CachedSessions({ ...parts, ticketKeys });
  t.strictSame(await sessions.purgeSessions('all'), {
    kind: 'stateful',
    purgedCount: 2,
    areTicketsLeft: true,
    problems: [],
  });
  const ticketsOnly = new CachedSessions({ ...parts, ticketKeys, kind: 'tickets' });
  t.match(await ticketsOnly.purgeSessions('all'), {
    areTicketsLeft: true,
    problems: [/keys of these are made from REPRISE_SESSION_SECRET: all of them still count/],
  });
});

await t.test('tickets cannot be purged by account, and it says so', async (t) => {
  const { client } = await setUp(t, 'tickets');
  t.match(await client.purgeSessions({ account: 'bob' }), {
    endedCount: 3,
    areTicketsLeft: true,
    problems: [/^Clients come back with tickets here \(REPRISE_SESSION_CACHE=tickets\), which/],
  });
  t.match(await client.purgeSessions({ certificate: 'abcd' }), {
    areTicketsLeft: false,
    problems: [],
  });
});

await t.test('of tickets is spoken only if a client may have one', async (t) => {
  const { parts, counts } = await setUp(t);
  const areLeft = async (differences: Partial<typeof parts>) => {
    const sessions = new CachedSessions({ ...parts, ...differences });
    return (await sessions.purgeSessions({ account: 'bob' })).areTicketsLeft;
  };
  t.equal(await areLeft({}), false, 'all clients have been served by the cache');
  const derived = new DerivedTicketKeys({ secrets: [new Uint8Array(32)], lifetimeMs });
  t.teardown(() => derived.close());
  const ticketKeys = derived as unknown as RandomTicketKeys;
  t.equal(await areLeft({ ticketKeys }), true, 'others have the same keys');
  t.equal(await areLeft({ ticketKeys, areTicketsAllowed: false }), false);
  const all = new CachedSessions({ ...parts, ticketKeys, areTicketsAllowed: false });
  t.match(await all.purgeSessions('all'), { areTicketsLeft: false });
  counts.handshakes.push({ mode: 'ticket', version: 'TLSv1.3', full: 1, resumed: 0, hitRate: 0 });
  t.equal(await areLeft({}), true, 'one was given a ticket');
});

await t.test('what a cache does not purge, and what was done nevertheless', async (t) => {
  const { parts, told, errors } = await setUp(t);
  for (const [error, purgedCount, problem] of [
    [new PurgeError('Redis is away', 7), 7, 'Redis is away'],
    [new Error('boom'), 0, 'The session cache has failed, so sessions may be left in it: boom'],
  ] as const) {
    const cache = new NullSessionCache();
    cache.purge = () => Promise.reject(error);
    const mailServer = {
      ...parts.mailServer,
      disconnect: async () => ({ count: 2, silentCount: 1 }),
    };
    const sessions = new CachedSessions({ ...parts, cache, mailServer });
    const report = await sessions.purgeSessions({ account: 'bob' });
    t.match(report, { purgedCount, endedCount: 2 });
    t.same(report.problems, [
      'Workers that do not answer: "1", whose connections may go on',
      problem,
    ]);
    t.same((await sessions.purgeSessions('all')).problems, [problem]);
    t.equal(errors.at(-1), error);
  }
  t.same(told, []);
});

await t.test('without resumption there are no tickets', async (t) => {
  const { client } = await setUp(t, 'off');
  t.match(await client.purgeSessions('all'), { areTicketsLeft: false });
  t.match(await client.purgeSessions({ account: 'bob' }), { areTicketsLeft: false });
});
