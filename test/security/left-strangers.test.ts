// Clients that leave right behind their TLS handshake, before they have logged in, keep neither place nor descriptor.
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import t from 'tap';
import { startImapService } from '../fixtures/imap-service.ts';
import { tlsVersions } from '../fixtures/tls-acceptor-server.ts';
import { until } from '../fixtures/until.ts';

/** The ways of a client to leave once it has shaken hands. */
const departures: Record<string, (tls: TLSSocket, plain: Socket) => void> = {
  'close_notify and end': (tls) => tls.end(),
  'close_notify and close': (tls, plain) => tls.end(() => plain.destroy()),
  'a bare end': (_, plain) => plain.end(),
  reset: (_, plain) => plain.resetAndDestroy(),
};
const clientCount = 12;
/** For what happens at once, on a busy machine. */
const deadlineMs = 10_000;

for (const version of tlsVersions) {
  for (const [name, leave] of Object.entries(departures)) {
    await t.test(`${version}, ${name}`, async (t) => {
      const { service, imapsPort } = await startImapService(t);
      for (let number = 0; number < clientCount; number++) {
        const plain = connectPlain(imapsPort, '127.0.0.1');
        plain.on('error', () => {});
        await once(plain, 'connect');
        const tls = connectTls({
          socket: plain,
          rejectUnauthorized: false,
          minVersion: version,
          maxVersion: version,
        });
        tls.on('error', () => {});
        // The greeting is not waited for.
        await once(tls, 'secureConnect');
        leave(tls, plain);
        t.teardown(() => plain.destroy());
      }
      await until(() => service.connectionCount === 0, deadlineMs).catch(() => {});
      t.equal(service.connectionCount, 0);
    });
  }
}
