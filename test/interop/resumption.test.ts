// Clients that come back: each of 20 reconnections is resumed, with OpenSSL's client and with Node's, on
// 993 and on 143 after STARTTLS, with TLS 1.2 by session id and with TLS 1.3, whether or not the client
// says goodbye.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { skipWithout } from '../fixtures/clients.ts';
import { startMailServer } from '../fixtures/mail-server.ts';
import { visitImapWithOpenssl } from '../fixtures/openssl-client.ts';

const reconnectionCount = 20;
const server = await startMailServer(t);
const directory = await mkdtemp(join(tmpdir(), 'reprise-resumption-'));
t.teardown(() => rm(directory, { recursive: true, force: true }));

for (const protocol of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const security of ['tls', 'starttls'] as const) {
    for (const end of ['close', 'drop'] as const) {
      const name = `${protocol}, ${security === 'tls' ? '993' : '143 STARTTLS'}, ${end}`;

      await t.test(`openssl s_client: ${name}`, { skip: skipWithout('openssl') }, async (t) => {
        const port = security === 'tls' ? server.process.imapsPort : server.process.imapPort;
        const isStartTls = security === 'starttls';
        const sessionFile = join(directory, `${protocol}-${security}-${end}`);
        const visit = { port, isStartTls, protocol, sessionFile, end };
        t.notOk(
          await visitImapWithOpenssl({ ...visit, isReturning: false }),
          'the first is a full one',
        );
        let resumedCount = 0;
        for (let round = 0; round < reconnectionCount; round++) {
          if (await visitImapWithOpenssl({ ...visit, isReturning: true })) resumedCount++;
        }
        t.equal(resumedCount, reconnectionCount);
      });

      await t.test(`Node: ${name}`, async (t) => {
        let last = await visitWithNode(protocol, security, end, undefined);
        t.notOk(last.isResumed, 'the first is a full one');
        let resumedCount = 0;
        for (let round = 0; round < reconnectionCount; round++) {
          last = await visitWithNode(protocol, security, end, last.session);
          if (last.isResumed) resumedCount++;
        }
        t.equal(resumedCount, reconnectionCount);
      });
    }
  }
}

/** One visit with Node's client: handshake, LOGIN, end. The session to come back with is the newest. */
async function visitWithNode(
  protocol: 'TLSv1.2' | 'TLSv1.3',
  security: 'tls' | 'starttls',
  end: 'close' | 'drop',
  session: Buffer | undefined,
): Promise<{ readonly isResumed: boolean; readonly session: Buffer | undefined }> {
  const versions = { minVersion: protocol, maxVersion: protocol } as const;
  const client = await server.login(security, session ? { ...versions, session } : versions);
  // LOGIN is answered after the sessions that follow a TLS 1.3 handshake.
  const { isResumed } = client;
  if (end === 'close') await client.logout();
  else await client.drop();
  return { isResumed, session: client.sessions.at(-1) ?? session };
}
