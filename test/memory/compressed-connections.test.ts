// What a client that compresses holds on top of one that does not, once both have said more than the window of DEFLATE: bytes
// that are reachable in the server. For the process see `npm run bench -- compressed-idle`.
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { HeapProcess } from '../fixtures/heap-process.ts';
import { ImapClient } from '../fixtures/imap-client.ts';

const clientCount = 30;
/** In commands of 4,000 bytes, of which most are not compressible below the half. */
const commandCount = 15;
/** The window; what was sent last, for as long as the client is not known to idle; and what little is around them. */
const maxBytes = (32 + 4 + 4) * 1024;
/** A window that is not there has not been looked at. */
const minBytes = 30 * 1024;

await t.test('a client that compresses holds its window, and little more', async (t) => {
  const server = await HeapProcess.start(t);
  const clients: ImapClient[] = [];
  t.teardown(() => Promise.all(clients.map((client) => client.drop())));
  const connect = async (isCompressed: boolean): Promise<void> => {
    for (let count = 0; count < clientCount; count++) {
      clients.push(await talk(server, isCompressed));
    }
  };
  const cost = async (isCompressed: boolean): Promise<number> => {
    const before = await server.reachableBytes();
    await connect(isCompressed);
    return ((await server.reachableBytes()) - before) / clientCount;
  };
  // So that what the code itself keeps is there before.
  await connect(false);
  await connect(true);
  const plain = await cost(false);
  const compressed = await cost(true);
  const onTop = compressed - plain;
  t.ok(
    onTop > minBytes && onTop < maxBytes,
    `${onTop.toFixed(0)} bytes on top of ${plain.toFixed(0)}`,
  );
});

async function talk(server: HeapProcess, isCompressed: boolean): Promise<ImapClient> {
  const client = await ImapClient.connect({ port: server.imapsPort, security: 'tls' });
  await client.login('alice', 'secret');
  if (isCompressed) {
    await client.ok('COMPRESS DEFLATE');
    client.startDeflate();
  }
  for (let count = 0; count < commandCount; count++) {
    await client.command(`STATUS ${randomBytes(2000).toString('hex')} (MESSAGES)`);
  }
  return client;
}
