// Clients that break the rules of TLS after their hello: records too long, messages and alerts in the wrong place,
// renegotiation. Each is sent the right alert, and its connection ends. What TLS allows, key updates and a close in good
// order, goes well.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import t from 'tap';
import { captureNodeHello } from '../fixtures/captured-hello.ts';
import { clientPath, skipWithout } from '../fixtures/clients.ts';
import { startInMode, tlsVersions } from '../fixtures/tls-acceptor-server.ts';
import type { TlsVersion } from '../fixtures/tls-visit.ts';
import { until } from '../fixtures/until.ts';

/** What a client is told that sends these bytes past its own TLS, when the server has closed the connection. */
async function breakIn(port: number, version: TlsVersion, bytes: Buffer): Promise<string> {
  const socket = connectPlain(port, '127.0.0.1');
  socket.on('error', () => {});
  const ended = new Promise((resolve) => socket.once('end', resolve).once('close', resolve));
  const versions = { minVersion: version, maxVersion: version };
  const client: TLSSocket = connectTls({ socket, rejectUnauthorized: false, ...versions });
  let error = 'closed';
  client.on('error', (cause) => (error = (cause as NodeJS.ErrnoException).code ?? cause.message));
  await once(client, 'data');
  client.resume();
  socket.write(bytes);
  await ended;
  client.destroy();
  socket.destroy();
  return error;
}

/**
 * Bytes that no key has sealed, and the alerts for them: behind the handshake of TLS 1.2 and of TLS 1.3, and in the middle of
 * that of TLS 1.2. What is shorter than a seal is an internal error to OpenSSL in TLS 1.2.
 */
const unsealed: Readonly<Record<string, readonly [Buffer, string, string, number?]>> = {
  'a record too long': [
    Buffer.concat([Buffer.from([23, 3, 3, 0x48, 1]), Buffer.alloc(0x4801)]),
    'RECORD_OVERFLOW',
    'RECORD_OVERFLOW',
    22,
  ],
  'a hello': [await captureNodeHello({}), 'PROTOCOL_VERSION', 'UNEXPECTED_MESSAGE', 70],
  'a fatal alert': [Buffer.from([21, 3, 3, 0, 2, 2, 40]), 'INTERNAL_ERROR', 'UNEXPECTED_MESSAGE'],
  close_notify: [Buffer.from([21, 3, 3, 0, 2, 1, 0]), 'INTERNAL_ERROR', 'UNEXPECTED_MESSAGE'],
  'an unknown record': [
    Buffer.concat([Buffer.from([99, 3, 3, 0, 40]), Buffer.alloc(40)]),
    'BAD_RECORD_MAC',
    'UNEXPECTED_MESSAGE',
    10,
  ],
  'IMAP in the clear': [
    Buffer.from('a LOGIN alice secret\r\n'),
    'PROTOCOL_VERSION',
    'UNEXPECTED_MESSAGE',
    70,
  ],
};

for (const mode of ['stateful', 'tickets'] as const) {
  await t.test(`behind the handshake, ${mode}`, async (t) => {
    const { port, connections } = await startInMode(t, mode);
    for (const [name, [bytes, tls12Alert, tls13Alert]] of Object.entries(unsealed)) {
      for (const version of tlsVersions) {
        const error = await breakIn(port, version, bytes);
        const alert = version === 'TLSv1.2' ? tls12Alert : tls13Alert;
        t.match(error, new RegExp(`ALERT_${alert}$`), `${version}, ${name}`);
        await until(() => connections.size === 0);
      }
    }
    const ccs = Buffer.from([20, 3, 3, 0, 1, 1]);
    t.match(await breakIn(port, 'TLSv1.3', ccs), /UNEXPECTED_MESSAGE$/, 'change_cipher_spec');
  });

  await t.test(`in the middle of the handshake, ${mode}`, async (t) => {
    const { port, events } = await startInMode(t, mode);
    for (const version of tlsVersions) {
      const hello = await captureNodeHello({ minVersion: version, maxVersion: version });
      for (const [name, [bytes, , , alert]] of Object.entries(unsealed)) {
        events.length = 0;
        const answer = await answerInHandshake(port, hello, bytes);
        const what = `${version}, ${name}`;
        if (alert === undefined) t.notOk(isAlert(answer), `${what}, is answered by an end`);
        else if (version === 'TLSv1.3') t.ok(isAlert(answer), what);
        else t.same([...answer], [21, 3, 3, 0, 2, 2, alert], what);
        t.match(events, [{ kind: 'failure', code: 'HANDSHAKE_FAILED' }]);
      }
    }
  });

  await t.test(`a close in good order, ${mode}`, async (t) => {
    const { port, connections } = await startInMode(t, mode);
    for (const version of tlsVersions) {
      const versions = { minVersion: version, maxVersion: version };
      const socket = connectPlain(port, '127.0.0.1');
      const client = connectTls({ socket, rejectUnauthorized: false, ...versions });
      let text = '';
      client.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
      await once(client, 'data');
      client.end('the last');
      await once(client, 'end');
      t.equal(text, 'hello\r\nthe last', `${version}, behind all that was to be said`);
      await until(() => connections.size === 0);
    }
  });

  const skip = skipWithout('openssl');
  await t.test(`key updates, ${mode}`, { skip }, async (t) => {
    const { port } = await startInMode(t, mode);
    const client = startOpenssl(port, '-tls1_3');
    await client.say('one\n', /^one$/m);
    for (let count = 1; count <= 20; count++) {
      await client.say('K\n', new RegExp(`(?:KEYUPDATE[^]*){${count}}`));
      await client.say(`after ${count}\n`, new RegExp(`^after ${count}$`, 'm'));
    }
    t.pass('20 of them, each asking for one of ours');
    client.kill();
  });

  await t.test(`renegotiation, ${mode}`, { skip }, async (t) => {
    const { port, connections } = await startInMode(t, mode);
    const client = startOpenssl(port, '-tls1_2');
    await client.say('one\n', /^one$/m);
    await client.say('R\n', /RENEGOTIATING[^]*no renegotiation/);
    t.pass('is refused by the alert no_renegotiation');
    client.kill();
    await until(() => connections.size === 0);
  });
}

/** The last record of a server to which these bytes are sent instead of the second flight, until it closes. */
async function answerInHandshake(port: number, hello: Buffer, bytes: Buffer): Promise<Buffer> {
  const socket = connectPlain(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(hello);
  await once(socket, 'data');
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  const all = Buffer.concat(chunks);
  for (let at = 0; ;) {
    const end = at + 5 + all.readUInt16BE(at + 3);
    if (end >= all.length) return all.subarray(at);
    at = end;
  }
}

/** Whether a record is an alert; if it is sealed, by its length: two bytes, the type and the seal. */
function isAlert(record: Buffer): boolean {
  return record[0] === 21 || (record[0] === 23 && record.length === 5 + 2 + 1 + 16);
}

/** `openssl s_client`, to which commands are said when it has told what is waited for. */
function startOpenssl(port: number, version: string) {
  const address = `127.0.0.1:${port}`;
  const child = spawn(clientPath('openssl'), ['s_client', '-connect', address, version]);
  let told = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('latin1').on('data', (text: string) => (told += text));
  }
  child.stdin.on('error', () => {});
  return {
    async say(text: string, answer: RegExp): Promise<void> {
      child.stdin.write(text);
      await until(() => answer.test(told));
    },
    kill: () => child.kill(),
  };
}
