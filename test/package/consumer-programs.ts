// Programs of a project that has installed the package.

/** A server in the process, and the acceptor under it: a client comes back by the short handshake. */
export const libraryProgram = `
import { once } from 'node:events';
import { connect } from 'node:tls';
import { createServer } from 'reprise';
import { startTestServer } from 'reprise/testing';
import { NullSessionCache, TlsAcceptor } from 'reprise/tls';

const server = await startTestServer({ accounts: { alice: 'secret' } });
const isResumed = [];
let greeting, session;
for (let visit = 0; visit < 2; visit++) {
  const client = connect({
    port: server.imapsPort, host: server.host, servername: 'localhost', ca: server.certificate, session,
  });
  client.on('session', (newest) => (session = newest));
  const [line] = await once(client, 'data');
  greeting = line.toString().slice(0, 4);
  isResumed.push(client.isSessionReused());
  client.destroy();
}
await server.stop();
new NullSessionCache();
if (typeof TlsAcceptor.prototype.accept !== 'function') throw new Error('no TlsAcceptor');
console.log(JSON.stringify({ greeting, isResumed, hasCreateServer: typeof createServer === 'function' }));
`;

/** The HTTPS example, compiled. */
export const exampleProgram = `
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { makeSelfSignedCertificate, SegmentSessionCache } from 'reprise/tls';
import { startHttpsServer } from './node_modules/reprise/dist/tls/examples/https-server.js';

const certificate = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
const cache = new SegmentSessionCache({ maxBytes: 1024 * 1024, lifetimeMs: 60_000 });
const server = await startHttpsServer({ port: 0, credential: { name: 'example', ...certificate }, cache });
const response = await new Promise((resolve) =>
  request({
    port: server.port, host: '127.0.0.1', servername: 'localhost', ca: certificate.cert, agent: false,
  }, resolve).end());
console.log(await text(response));
await server.close();
await cache.close();
`;

/** Where a type is not found it is any, and then there is no error to expect. */
export const typedProgram = `
import { startTestServer, type TestServer } from 'reprise/testing';
import { type SessionCache, TlsAcceptor, type TlsConnection } from 'reprise/tls';
import { createServer } from 'reprise';

export const server: Promise<TestServer> = startTestServer({ accounts: { alice: 'secret' } });
export const isResumed = (connection: TlsConnection): boolean => connection.isResumed;
export const entryCount = (cache: SessionCache): number => cache.stats().entryCount;
export const acceptor = new TlsAcceptor({ credentials: [], resumption: { kind: 'off' }, lifetimeMs: 1 });
// @ts-expect-error
new TlsAcceptor({ credentials: [], resumption: { kind: 'often' }, lifetimeMs: 1 });
// @ts-expect-error
new TlsAcceptor({ credentials: [], resumption: { kind: 'off' }, lifetimeMs: '1' });
// @ts-expect-error
acceptor.promote('connection', 'alice');
// @ts-expect-error
startTestServer({ accounts: 1 });
// @ts-expect-error
createServer({});
`;
