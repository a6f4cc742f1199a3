// Client certificates while workers serve: what is trusted is the same in all of them, also when it changes.
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import t, { type Test } from 'tap';
import type { ImapClient } from '../../fixtures/imap-client.ts';
import { TestAuthority } from '../../fixtures/test-authority.ts';
import { alice, startTwoWorkers, type TwoWorkers } from '../../fixtures/two-workers.ts';
import { reprise } from '../cli/reprise.ts';

const attempts = 8;

async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

async function setUp(t: Test, environment: Readonly<Record<string, string>> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'reprise-clients-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const authority = await TestAuthority.create('Test CA');
  const paths = { ca: join(directory, 'ca.pem'), crl: join(directory, 'crl.pem') };
  await writeFile(paths.ca, authority.cert);
  await writeFile(paths.crl, await authority.revoke([]));
  const server = await startTwoWorkers(t, {
    REPRISE_TLS_CLIENT_AUTH: 'optional',
    REPRISE_TLS_CLIENT_CA: paths.ca,
    REPRISE_TLS_CLIENT_CRL: paths.crl,
    ...environment,
  });
  const certificate = await authority.issue({ commonName: alice.name });
  return { server, authority, certificate, paths };
}

/** Logs in by certificate so often that both workers are met; the answers, and how many were resumed. */
async function logInOften(server: TwoWorkers, tls: ConnectionOptions) {
  const answers = new Set<string>();
  let resumedCount = 0;
  let client: ImapClient | undefined;
  for (let attempt = 0; attempt < attempts; attempt++) {
    client = await server.connect('tls', tls);
    if (client.isResumed) resumedCount += 1;
    answers.add((await client.command('AUTHENTICATE EXTERNAL =')).status);
    await client.logout();
  }
  return { answers: [...answers], resumedCount, session: client?.sessions.at(-1) };
}

await t.test('a certificate counts in all workers until it is revoked', async (t) => {
  const { server, authority, certificate, paths } = await setUp(t);
  const { cert, key } = certificate;
  const first = await logInOften(server, { cert, key });
  t.match(first, { answers: ['OK'], resumedCount: 0 });
  const { session } = first;
  if (session === undefined) throw new Error('There is no session');
  t.match(await logInOften(server, { cert, key, session }), {
    answers: ['OK'],
    resumedCount: attempts,
  });

  await replaceFile(paths.crl, await authority.revoke([certificate]));
  await server.logged('authorities and revocation lists of clients replaced');
  const after = await logInOften(server, { cert, key, session });
  t.strictSame(after.answers, ['NO'], 'resumed or not');

  await replaceFile(paths.crl, 'broken');
  const refused = await server.logged(
    'new authorities or revocation lists refused, the old ones stay',
  );
  t.match(refused, {
    level: 'error',
    reason: `Cannot use "${paths.crl}": `,
    err: undefined,
  });
  await replaceFile(paths.crl, await authority.revoke([certificate]));
  await replaceFile(paths.ca, 'broken');
  await server.logged('new authorities or revocation lists refused, the old ones stay', 2);
  t.match(
    server.process.log.findLast(({ level }) => level === 'error'),
    {
      reason: `Cannot use "${paths.ca}": `,
    },
  );
  await server.crash(1);
  await server.logged('worker replaced');
  t.strictSame((await logInOften(server, { cert, key })).answers, ['NO']);
});

await t.test('one that is required and not valid is refused by a BYE, on both ports', async (t) => {
  const { server } = await setUp(t, { REPRISE_TLS_CLIENT_AUTH: 'required' });
  const stranger = await TestAuthority.create('Another CA');
  const { cert, key } = await stranger.issue({ commonName: alice.name });
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const kind of ['imaps', 'imap'] as const) {
      const text = await readAll(server, kind, { cert, key, maxVersion: version });
      t.equal(text, '* BYE Your client certificate is not valid here\r\n', `${version}, ${kind}`);
    }
  }
});

/** What a client of one of the ports is sent under TLS, until the end. */
async function readAll(
  { process: { imapPort, imapsPort } }: TwoWorkers,
  kind: 'imap' | 'imaps',
  options: ConnectionOptions,
): Promise<string> {
  const socket = connectTcp(kind === 'imap' ? imapPort : imapsPort, '127.0.0.1');
  if (kind === 'imap') {
    socket.write('a STARTTLS\r\n');
    let told = '';
    while (!told.includes('a OK')) told += String((await once(socket, 'data'))[0]);
  }
  let text = '';
  const tlsSocket = connectTls({ socket, rejectUnauthorized: false, ...options });
  tlsSocket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(tlsSocket, 'end');
  return text;
}

/** A cache that purges nothing, as one behind a network may for a while. */
const forgetful = `
  import { SegmentSessionCache } from '${resolve(import.meta.dirname, '../../../tls/index.ts')}';
  class UnpurgedSessionCache extends SegmentSessionCache {
    async purge() { return 0; }
  }
  export const createSessionCache = (options) => new UnpurgedSessionCache(options);
`;

await t.test('sessions of a purged certificate are resumed by no worker', async (t) => {
  const modulePath = join(t.testdir({ 'cache.js': forgetful }), 'cache.js');
  const { server, certificate } = await setUp(t, { REPRISE_SESSION_CACHE: `module:${modulePath}` });
  const { cert, key, fingerprint256 } = certificate;
  const { session } = await logInOften(server, { cert, key });
  if (session === undefined) throw new Error('There is no session');
  const purge = ['sessions', 'purge', '--certificate', fingerprint256];
  t.match(await server.process.command(purge), { code: 0 });
  const nobodyResumes = { answers: ['OK'], resumedCount: 0 };
  t.match(await logInOften(server, { cert, key, session }), nobodyResumes);
  for (const worker of [1, 2]) {
    await server.crash(worker);
    await server.logged('worker replaced', worker);
  }
  t.match(await logInOften(server, { cert, key, session }), nobodyResumes, 'also later ones');
});

await t.test('files that cannot be used are told in one line', async (t) => {
  const directory = t.testdir({ 'ca.pem': 'x' });
  for (const [name, line] of [
    ['ca.pem', /^reprise: Cannot use ".*ca\.pem": /],
    ['missing.pem', /^reprise: Cannot read ".*missing\.pem": ENOENT$/],
  ] as const) {
    const result = await reprise(['serve'], {
      REPRISE_DATA: directory,
      REPRISE_IMAP_PORT: '0',
      REPRISE_IMAPS_PORT: '0',
      REPRISE_ADMIN_PORT: '-1',
      REPRISE_LOG_LEVEL: 'silent',
      REPRISE_TLS_CLIENT_AUTH: 'required',
      REPRISE_TLS_CLIENT_CA: join(directory, name),
    });
    t.match(result, { code: 1, errors: [line] });
  }
});
