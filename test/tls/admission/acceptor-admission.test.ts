// An owner that counts its connections by itself hands their entries to the acceptor.
import { once } from 'node:events';
import { type AddressInfo, connect as connectPlain, createServer } from 'node:net';
import t, { type Test } from 'tap';
import {
  Admission,
  type AdmissionEntry,
  type AdmissionOptions,
  TlsAcceptor,
  type TlsAcceptorOptions,
  type Visitor,
} from '../../../tls/index.ts';
import { captureNodeHello } from '../../fixtures/captured-hello.ts';
import { lifetimeMs, startForTest, testCredential } from '../../fixtures/tls-acceptor-server.ts';
import { visitWithNode } from '../../fixtures/tls-visit.ts';
import { until } from '../../fixtures/until.ts';

const hello = await captureNodeHello({ minVersion: 'TLSv1.3' });

/** A server whose connections are ended by `owner` before and after they come to TLS. */
async function start(t: Test, options: AdmissionOptions, owner: Visitor) {
  const admission = new Admission(options);
  const failures: string[] = [];
  const entries: AdmissionEntry[] = [];
  const acceptor = new TlsAcceptor({
    credentials: [await testCredential()],
    resumption: { kind: 'off' },
    lifetimeMs,
    onEvent: (event) => {
      if (event.kind === 'failure') failures.push(event.error.message);
    },
  });
  const server = createServer((socket) => {
    const entry = admission.enter(socket.remoteAddress, owner);
    entries.push(entry);
    socket.on('close', () => entry.leave());
    acceptor.accept(socket, entry).then(
      (connection) => connection.socket.write('hello'),
      () => {},
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.close();
    await acceptor.close();
  });
  const { port } = server.address() as AddressInfo;
  return { admission, acceptor, entries, failures, port };
}

function connectRaw(t: Test, port: number, bytes: Buffer) {
  const socket = connectPlain(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.on('error', () => {}).resume();
  socket.write(bytes);
  return new Promise((resolve) => socket.once('close', resolve));
}

void t.test('counts until its owner says so, and stands in for it meanwhile', async (t) => {
  const ended: string[] = [];
  const owner: Visitor = { end: (reason) => void ended.push(reason) };
  const { admission, entries, port } = await start(t, {}, owner);
  const visit = visitWithNode({ port, version: 'TLSv1.3' });
  await until(() => entries.length === 1);
  t.not(entries[0]!.visitor, owner, 'the acceptor ends it while it comes to TLS');
  await visit;
  t.equal(entries[0]!.visitor, owner, 'and its owner later');
  await until(() => admission.count === 0);
  t.same(ended, []);
});

void t.test('ends with the reason wherever it is', async (t) => {
  const owner: Visitor = { end: () => t.fail('the acceptor does') };
  const { admission, acceptor, entries, failures, port } = await start(
    t,
    { quickHandshakes: 1, quickTicks: 1e9 },
    owner,
  );
  const begun = connectRaw(t, port, hello);
  await until(() => entries.length === 1 && acceptor.pendingHelloCount === 0);
  const silent = connectRaw(t, port, Buffer.alloc(0));
  await until(() => acceptor.pendingHelloCount === 1);
  const waiting = connectRaw(t, port, hello);
  await until(() => entries.length === 3 && acceptor.pendingHelloCount === 1);
  for (const entry of entries) entry.visitor.end('late');
  await Promise.all([begun, silent, waiting]);
  const message = 'Cannot finish the TLS handshake: the time to log in is over';
  t.same(failures, [message, message, message]);
  t.equal(admission.count, 0);
});

void t.test('has a deadline for what the client does, not for the wait for its turn', async (t) => {
  const admission = new Admission({ quickHandshakes: 1, quickTicks: 1e9 });
  const options: Partial<TlsAcceptorOptions> = { admission, helloDeadlineMs: 30 };
  const { server } = await startForTest(t, options);
  const turn = await admission.enter('192.0.2.1', { end: () => {} }).takeHandshakeTurn();
  const visit = visitWithNode({ port: server.port, version: 'TLSv1.3' });
  await until(() => admission.count === 2 && server.acceptor.pendingHelloCount === 0);
  // A later client that stays silent tells that the time for a hello is over.
  const silent = connectRaw(t, server.port, Buffer.alloc(0));
  await silent;
  t.match(server.events, [{ kind: 'failure', code: 'HELLO_TIMEOUT' }]);
  turn?.end();
  t.equal((await visit).isResumed, false);
});
