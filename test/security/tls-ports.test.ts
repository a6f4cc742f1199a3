// A session that was made on one port is the same client's on the other: it resumes there. One of another server, or one
// that was made up, costs a full handshake and nothing else.
import t from 'tap';
import { startMailServer } from '../fixtures/mail-server.ts';
import { startInMode, tlsVersions } from '../fixtures/tls-acceptor-server.ts';
import { visitWithNode } from '../fixtures/tls-visit.ts';

const ports = ['tls', 'starttls'] as const;

for (const [cache, mode] of [
  ['memory', 'stateful'],
  ['tickets', 'tickets'],
] as const) {
  await t.test(`sessions in ${cache}`, async (t) => {
    const server = await startMailServer(t, { environment: { REPRISE_SESSION_CACHE: cache } });
    const { port: otherPort } = await startInMode(t, mode);
    for (const version of tlsVersions) {
      const tls = { minVersion: version, maxVersion: version, servername: 'mail.example' };
      for (const [from, to] of [ports, ports.toReversed()]) {
        const first = await server.login(from, tls);
        t.equal(first.isResumed, false, `${version}, a first visit`);
        await first.logout();
        const second = await server.login(to, { ...tls, session: first.sessions.at(-1)! });
        t.equal(second.isResumed, true, `${version}, from ${from} to ${to}`);
        await second.logout();

        const { sessions } = await visitWithNode({ port: otherPort, version, tls });
        const third = await server.login(to, { ...tls, session: sessions.at(-1)! });
        t.equal(third.isResumed, false, `${version}, a session of another server on ${to}`);
        await third.logout();
      }
    }
  });
}
