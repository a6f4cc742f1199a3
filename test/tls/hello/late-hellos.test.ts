// Clients that leave right behind their ClientHello, at the moment at which Node has it but has not told it: that ended
// the process.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { Admission } from '../../../tls/index.ts';
import { captureNodeHello } from '../../fixtures/captured-hello.ts';
import { startForTest } from '../../fixtures/tls-acceptor-server.ts';
import { visitWithNode } from '../../fixtures/tls-visit.ts';
import { until } from '../../fixtures/until.ts';

const hello = await captureNodeHello({ maxVersion: 'TLSv1.2' });

const departures: Readonly<Record<string, (socket: Socket) => void>> = {
  'closes its side': (socket) => void socket.end(),
  'resets the connection': (socket) => void socket.resetAndDestroy(),
};

for (const [name, leave] of Object.entries(departures)) {
  await t.test(`a client of TLS 1.2 that ${name} right behind its hello`, async (t) => {
    const admission = new Admission({ quickHandshakes: 1, quickTicks: Infinity });
    const { server } = await startForTest(t, { admission });
    for (let round = 1; round <= 5; round++) {
      const turn = await admission.enter('192.0.2.1', { end: () => {} }).takeHandshakeTurn();
      const count = admission.count;
      const client = connect(server.port, '127.0.0.1').on('error', () => {});
      await once(client, 'connect');
      client.write(hello);
      await until(() => admission.count > count && server.acceptor.pendingHelloCount === 0);
      // Behind this phase of the event loop comes that which reads from sockets, then that in which Node tells the hello.
      await new Promise<void>((resolve) => {
        setImmediate(() => {
          leave(client);
          turn?.end();
          resolve();
        });
      });
      await until(() => server.events.length === round);
      t.match(server.events.at(-1), { kind: 'failure', code: 'HANDSHAKE_FAILED' });
    }
    t.equal((await visitWithNode({ port: server.port, version: 'TLSv1.2' })).isResumed, false);
  });
}
