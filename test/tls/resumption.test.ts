// Clients that come back, at the level of the library: with every client, version and way to leave, each of
// 20 reconnections is resumed, and none where there is no session for it any more.
import { join } from 'node:path';
import t from 'tap';
import { NullSessionCache, SegmentSessionCache, type SessionCache } from '../../tls/index.ts';
import { skipWithout } from '../fixtures/clients.ts';
import { TestClock } from '../fixtures/session-cache-contract.ts';
import { lifetimeMs, startAcceptorServer } from '../fixtures/tls-acceptor-server.ts';
import {
  type Leave,
  type TlsVersion,
  visitWithNode,
  visitWithOpenssl,
} from '../fixtures/tls-visit.ts';

const reconnectionCount = 20;
// Where the machine is busy the programs take their time.
t.setTimeout(120_000);
const directory = t.testdir({});
let fileCount = 0;

interface Round {
  readonly port: number;
  readonly version: TlsVersion;
  readonly leave: Leave;
  /** What happens before each reconnection. */
  readonly between?: () => unknown;
}

/** How many of the reconnections are resumed. */
async function countWithNode({ port, version, leave, between }: Round): Promise<number> {
  let visit = await visitWithNode({ port, version, leave });
  if (visit.isResumed) throw new Error('The first visit cannot be a resumed one');
  let resumedCount = 0;
  for (let round = 0; round < reconnectionCount; round++) {
    await between?.();
    visit = await visitWithNode({ port, version, leave, session: visit.sessions.at(-1) });
    if (visit.isResumed) resumedCount++;
  }
  return resumedCount;
}

async function countWithOpenssl({ port, version, leave, between }: Round): Promise<number> {
  const sessionFile = join(directory, `session-${++fileCount}`);
  const visit = { port, version, leave, sessionFile };
  if (await visitWithOpenssl({ ...visit, isReturning: false })) {
    throw new Error('The first visit cannot be a resumed one');
  }
  let resumedCount = 0;
  for (let round = 0; round < reconnectionCount; round++) {
    await between?.();
    if (await visitWithOpenssl({ ...visit, isReturning: true })) resumedCount++;
  }
  return resumedCount;
}

const clients = [
  { name: 'Node', count: countWithNode, skip: false },
  { name: 'openssl s_client', count: countWithOpenssl, skip: skipWithout('openssl') },
];

const makeSegmentCache = (clock: TestClock): SegmentSessionCache =>
  new SegmentSessionCache({ maxBytes: 1024 * 1024, lifetimeMs, clock: clock.read });

for (const { name, count, skip } of clients) {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    void t.test(`${name}, ${version}`, { skip }, async (t) => {
      const clock = new TestClock();
      const run = async (
        cache: SessionCache,
        leave: Leave,
        between?: () => unknown,
      ): Promise<number> => {
        const server = await startAcceptorServer({ cache, clock: clock.read });
        try {
          const round = { port: server.port, version, leave };
          return await count(between === undefined ? round : { ...round, between });
        } finally {
          await server.stop();
          await cache.close();
        }
      };

      for (const leave of ['close', 'drop'] as const) {
        t.equal(await run(makeSegmentCache(clock), leave), reconnectionCount, `all, ${leave}`);
      }
      const exactly = (): number => (clock.nowMs += lifetimeMs);
      t.equal(await run(makeSegmentCache(clock), 'close', exactly), 0, 'none that has expired');
      const cleared = makeSegmentCache(clock);
      t.equal(await run(cleared, 'close', () => cleared.purge('all')), 0, 'none that was purged');
      // Each visit of s_client takes a process: what does not depend on the client is left to Node's.
      if (name !== 'Node') return;
      const almost = (): number => (clock.nowMs += lifetimeMs - 1);
      // TLS 1.2 comes back with the session of the first visit; in TLS 1.3 each visit brings a new one, but
      // the thirteenth comes more than 24 hours after the full handshake.
      const wanted = version === 'TLSv1.2' ? 10 : reconnectionCount - 1;
      t.equal(await run(makeSegmentCache(clock), 'close', almost), wanted, 'all, just in time');
      t.equal(await run(new NullSessionCache(), 'close'), 0, 'none without a cache');
    });
  }
}
