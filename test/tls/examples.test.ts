// The examples of tls/README.md under real clients: each of 20 reconnections is resumed from the cache, and none
// where the cache keeps nothing.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { createTransport } from 'nodemailer';
import t, { type Test } from 'tap';
import { startHttpsServer } from '../../tls/examples/https-server.ts';
import { startSmtpServer, type SubmittedMessage } from '../../tls/examples/smtp-server.ts';
import { NullSessionCache, SegmentSessionCache, type SessionCache } from '../../tls/index.ts';
import { clientPath, skipWithout } from '../fixtures/clients.ts';
import { testCredential } from '../fixtures/tls-acceptor-server.ts';
import { type TlsVersion, visitWithNode } from '../fixtures/tls-visit.ts';

const reconnectionCount = 20;
const lifetimeMs = 7_200_000;
const versions: readonly TlsVersion[] = ['TLSv1.3', 'TLSv1.2'];
const opensslOptions = { skip: skipWithout('openssl') };
// Clients mostly wait: for a process to start, or for the SMTP server to greet, which it takes its time for.
t.jobs = 4;

interface CacheCase {
  readonly name: string;
  readonly cache: () => SessionCache;
  readonly resumedCount: number;
}

const caches: readonly CacheCase[] = [
  {
    name: 'with a cache',
    cache: () => new SegmentSessionCache({ maxBytes: 1024 * 1024, lifetimeMs }),
    resumedCount: reconnectionCount,
  },
  { name: 'with a cache that keeps nothing', cache: () => new NullSessionCache(), resumedCount: 0 },
];

for (const { name, cache, resumedCount } of caches) {
  for (const version of versions) {
    void t.test(`https, ${version}, ${name}`, async (t) => {
      const server = await serveHttps(t, cache());
      const agent = new Agent({
        ca: (await testCredential()).cert,
        minVersion: version,
        maxVersion: version,
      });
      const answers = await timesInOrder(reconnectionCount + 1, () => get(agent, server.port));
      t.equal(countResumed(answers.map(({ isResumed }) => isResumed)), resumedCount);
      for (const { isResumed, answer } of answers) {
        t.strictSame(answer, { protocol: version, isResumed, mode: 'stateful' });
      }
      t.equal(server.cache.stats().lookups.hit, resumedCount, 'all of them out of the cache');
    });

    void t.test(`smtp, ${version}, ${name}`, async (t) => {
      const server = await serveSmtp(t, cache());
      let session: Buffer | undefined;
      const resumed = await timesInOrder(reconnectionCount + 1, async () => {
        const visit = await visitWithNode({ port: server.port, version, session });
        session = visit.sessions.at(-1);
        return visit.isResumed;
      });
      t.equal(countResumed(resumed), resumedCount);
      t.equal(server.cache.stats().lookups.hit, resumedCount, 'all of them out of the cache');
    });
  }

  void t.test(`https, openssl, ${name}`, opensslOptions, async (t) => {
    const server = await serveHttps(t, cache());
    const visit = opensslVisits(t, {
      port: server.port,
      greeting: /^CONNECTED/m,
      farewell: 'GET / HTTP/1.0\r\n\r\n',
    });
    t.equal(countResumed(await timesInOrder(reconnectionCount + 1, visit)), resumedCount);
  });

  void t.test(`smtp, openssl, ${name}`, opensslOptions, async (t) => {
    const server = await serveSmtp(t, cache());
    const visit = opensslVisits(t, {
      port: server.port,
      greeting: /^220 /m,
      farewell: 'QUIT\r\n',
    });
    t.equal(countResumed(await timesInOrder(reconnectionCount + 1, visit)), resumedCount);
  });
}

void t.test('smtp, nodemailer sends with a session it has from before', async (t) => {
  const server = await serveSmtp(t, caches[0]!.cache());
  // A client comes back with a session only under the name it was made for, and trusts it as it did then.
  const tls = { servername: 'localhost', ca: server.certificate };
  const { sessions } = await visitWithNode({ port: server.port, version: 'TLSv1.3', tls });
  const send = (pass: string): Promise<unknown> =>
    createTransport({
      host: '127.0.0.1',
      port: server.port,
      secure: true,
      auth: { user: 'alice', pass },
      tls: { ...tls, session: sessions[0]! },
    }).sendMail({ from: 'alice@a.example', to: 'bob@b.example', text: 'Hello' });
  await send('secret');
  const [message, ...more] = server.messages;
  t.match(message, { account: 'alice', text: /\r\n\r\nHello\r\n/ });
  t.match(message?.connection, { isResumed: true, protocol: 'TLSv1.3', mode: 'stateful' });
  await t.rejects(send('wrong'), /535/);
  t.equal(more.length, 0);
  t.equal(await server.cache.purge({ account: 'alice' }), 1, 'the login has promoted its session');
});

void t.test('a client that speaks no TLS costs its own connection only', async (t) => {
  const { port } = await serveHttps(t, caches[0]!.cache());
  const plain = connect({ port, host: '127.0.0.1' });
  plain.write('GET / HTTP/1.0\r\n\r\n');
  plain.resume();
  await once(plain, 'close');
  const agent = new Agent({ ca: (await testCredential()).cert });
  t.same((await get(agent, port)).answer, {
    protocol: 'TLSv1.3',
    isResumed: false,
    mode: 'stateful',
  });
});

async function serveHttps(t: Test, cache: SessionCache): Promise<Served> {
  const server = await startHttpsServer({ port: 0, credential: await testCredential(), cache });
  t.teardown(async () => {
    await server.close();
    await cache.close();
  });
  return { port: server.port, cache };
}

interface Served {
  readonly port: number;
  readonly cache: SessionCache;
}

async function serveSmtp(
  t: Test,
  cache: SessionCache,
): Promise<Served & { readonly certificate: string; readonly messages: SubmittedMessage[] }> {
  const credential = await testCredential();
  const messages: SubmittedMessage[] = [];
  const server = await startSmtpServer({
    port: 0,
    credential,
    cache,
    isPassword: (account, password) => account === 'alice' && password === 'secret',
    onMessage: (message) => messages.push(message),
  });
  t.teardown(async () => {
    await server.close();
    await cache.close();
  });
  return { port: server.port, cache, certificate: credential.cert, messages };
}

interface HttpsVisit {
  /** What the client says. */
  readonly isResumed: boolean;
  /** What the server says. */
  readonly answer: unknown;
}

/** A request on a connection of its own; the agent keeps the session, as it does for every program. */
async function get(agent: Agent, port: number): Promise<HttpsVisit> {
  const outgoing = request({ agent, port, host: '127.0.0.1', servername: 'localhost' });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const isResumed = (response.socket as TLSSocket).isSessionReused();
  return { isResumed, answer: await json(response) };
}

interface OpensslVisits {
  readonly port: number;
  /** What is printed when the client may speak. */
  readonly greeting: RegExp;
  /** What it says; the server then ends the connection. */
  readonly farewell: string;
}

/** A function that makes one visit after the other, in TLS 1.3; whether it was resumed. */
function opensslVisits(t: Test, visits: OpensslVisits): () => Promise<boolean> {
  const sessionFile = join(t.testdir({}), 'session.pem');
  let isReturning = false;
  return async () => {
    const output = await runOpenssl(visits, [
      ...(isReturning ? ['-sess_in', sessionFile] : []),
      '-sess_out',
      sessionFile,
    ]);
    isReturning = true;
    const [, kind] = /^(New|Reused), TLSv1\.3/m.exec(output) ?? [];
    if (kind === undefined) throw new Error(`openssl s_client: ${output}`);
    return kind === 'Reused';
  };
}

function runOpenssl(
  { port, greeting, farewell }: OpensslVisits,
  sessionArguments: readonly string[],
): Promise<string> {
  const child = spawn(clientPath('openssl'), [
    's_client',
    '-connect',
    `127.0.0.1:${port}`,
    '-tls1_3',
    '-ign_eof',
    ...sessionArguments,
  ]);
  let output = '';
  let hasSpoken = false;
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => child.kill('SIGKILL'), 60_000);
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('latin1');
      if (hasSpoken || !greeting.test(output)) return;
      hasSpoken = true;
      child.stdin.write(farewell);
    });
    child.stdin.on('error', () => {});
    child.once('error', reject);
    child.once('close', () => {
      clearTimeout(deadline);
      resolve(output);
    });
  });
}

/** Calls it again when it has settled. */
async function timesInOrder<Result>(
  count: number,
  run: () => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (let round = 0; round < count; round++) results.push(await run());
  return results;
}

/** How many reconnections were resumed; of the first visit it is known that it was not. */
function countResumed([first, ...reconnections]: readonly boolean[]): number {
  if (first !== false) throw new Error('The first visit cannot be a resumed one');
  return reconnections.filter((isResumed) => isResumed).length;
}
