// The counterpart of resumption.test.ts: 0 of 20 reconnections are resumed with a session that has expired or
// was cleared. What the client holds is good by its own reckoning; it is the server that has forgotten.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startTestServer } from '../../server/testing.ts';
import { skipWithout } from '../fixtures/clients.ts';
import { ImapClient } from '../fixtures/imap-client.ts';
import { visitImapWithOpenssl } from '../fixtures/openssl-client.ts';

const rounds = 20;
const lifetimeSeconds = 3_600;
let nowMs = 1_000_000;
const server = await startTestServer({
  accounts: { alice: 'secret' },
  sessionLifetimeSeconds: lifetimeSeconds,
  clock: () => nowMs,
});
t.teardown(() => server.stop());
const directory = await mkdtemp(join(tmpdir(), 'reprise-expired-'));
t.teardown(() => rm(directory, { recursive: true, force: true }));

const ends = {
  // One millisecond earlier it would still resume: the control below.
  'has expired': async () => void (nowMs += lifetimeSeconds * 1000),
  'was cleared': async () => void (await server.server.sessionCache.purge('all')),
};

for (const protocol of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const security of ['tls', 'starttls'] as const) {
    const place = `${protocol}, ${security === 'tls' ? '993' : '143 STARTTLS'}`;
    for (const [name, forget] of Object.entries(ends)) {
      await t.test(`Node: ${place}, a session that ${name}`, async (t) => {
        let resumedCount = 0;
        for (let round = 0; round < rounds; round++) {
          const { session } = await visit(protocol, security);
          await forget();
          if ((await visit(protocol, security, session)).isResumed) resumedCount++;
        }
        t.equal(resumedCount, 0);
      });

      await t.test(
        `openssl s_client: ${place}, a session that ${name}`,
        { skip: skipWithout('openssl') },
        async (t) => {
          const options = {
            port: security === 'tls' ? server.imapsPort : server.imapPort,
            isStartTls: security === 'starttls',
            protocol,
            sessionFile: join(directory, `${protocol}-${security}`),
            end: 'close',
          } as const;
          await visitImapWithOpenssl({ ...options, isReturning: false });
          let resumedCount = 0;
          for (let round = 0; round < rounds; round++) {
            await forget();
            if (await visitImapWithOpenssl({ ...options, isReturning: true })) resumedCount++;
          }
          t.equal(resumedCount, 0);
        },
      );
    }

    await t.test(`control: ${place}, a session one millisecond before its end`, async (t) => {
      const { session } = await visit(protocol, security);
      nowMs += lifetimeSeconds * 1000 - 1;
      t.ok((await visit(protocol, security, session)).isResumed);
    });
  }
}

interface Visit {
  readonly isResumed: boolean;
  readonly session: Buffer | undefined;
}

/** One visit with Node's client: handshake, LOGIN, end. */
async function visit(
  protocol: 'TLSv1.2' | 'TLSv1.3',
  security: 'tls' | 'starttls',
  session?: Buffer,
): Promise<Visit> {
  const client = await ImapClient.connect({
    port: security === 'tls' ? server.imapsPort : server.imapPort,
    security,
    tls: { minVersion: protocol, maxVersion: protocol, ...(session && { session }) },
  });
  await client.login('alice', 'secret');
  const { isResumed } = client;
  await client.drop();
  return { isResumed, session: client.sessions.at(-1) };
}
