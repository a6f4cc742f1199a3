// A client breaks the rules of TLS after its handshake: it is sent the alert, and its connection ends at once.
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import t from 'tap';
import { RandomTicketKeys } from '../../tls/index.ts';
import { lifetimeMs, startForTest, tlsVersions } from '../fixtures/tls-acceptor-server.ts';
import { until } from '../fixtures/until.ts';

/** A record of application data that no key has sealed. */
const badRecord = Buffer.concat([Buffer.from([23, 3, 3, 0, 64]), Buffer.alloc(64, 'A')]);

/** A connection to the port whose client side adds bytes to its second flight, right behind Finished. */
function addToSecondFlight(socket: Socket, bytes: Buffer): Duplex {
  let flightCount = 0;
  const wire = new Duplex({
    read: () => socket.resume(),
    write: (chunk: Buffer, _encoding, done) => {
      flightCount += 1;
      socket.write(flightCount === 2 ? Buffer.concat([chunk, bytes]) : chunk, done);
    },
    final: (done) => socket.end(done),
  });
  socket.on('data', (chunk) => {
    if (!wire.push(chunk)) socket.pause();
  });
  socket.on('end', () => wire.push(null));
  return wire;
}

interface Breach {
  readonly version: (typeof tlsVersions)[number];
  readonly port: number;
  readonly isBehindFinished: boolean;
}

/** The error that the client was told, when the server has closed the connection. */
async function breakRules({ version, port, isBehindFinished }: Breach): Promise<string> {
  const socket = connectPlain(port, '127.0.0.1');
  socket.on('error', () => {});
  const ended = new Promise((resolve) => socket.once('end', resolve).once('close', resolve));
  const client: TLSSocket = connectTls({
    socket: isBehindFinished ? addToSecondFlight(socket, badRecord) : socket,
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
  });
  let error = 'none';
  client.on('error', (cause) => (error = (cause as NodeJS.ErrnoException).code ?? cause.message));
  client.resume();
  if (!isBehindFinished) {
    await once(client, 'data');
    socket.write(badRecord);
  }
  await ended;
  client.destroy();
  socket.destroy();
  return error;
}

const ticketKeys = new RandomTicketKeys({ lifetimeMs });
const resumptions = [undefined, { kind: 'tickets', ticketKeys }, { kind: 'off' }] as const;

for (const isBehindFinished of [false, true]) {
  const place = isBehindFinished ? 'right behind Finished' : 'later';
  void t.test(`a bad record ${place} ends the connection with an alert`, async (t) => {
    for (const resumption of resumptions) {
      const { server } = await startForTest(t, resumption === undefined ? {} : { resumption });
      for (const version of tlsVersions) {
        const error = await breakRules({ version, port: server.port, isBehindFinished });
        const name = `${version}, ${resumption?.kind ?? 'stateful'}`;
        t.equal(error, 'ERR_SSL_SSL/TLS_ALERT_BAD_RECORD_MAC', name);
        await until(() => server.connections.size === 0);
      }
    }
  });
}

void t.test('an owner that does not listen for errors does not end the process', async (t) => {
  const ends: Promise<unknown>[] = [];
  const { server } = await startForTest(t, {
    onConnection: ({ socket }) => {
      socket.removeAllListeners('close');
      ends.push(new Promise((resolve) => socket.once('close', resolve)));
      socket.write('hello');
    },
  });
  for (const version of tlsVersions) {
    await breakRules({ version, port: server.port, isBehindFinished: false });
  }
  await Promise.all(ends);
  t.equal(ends.length, 2);
});

void t.test('a client that says no more still gets its answers', async (t) => {
  for (const version of tlsVersions) {
    const { server } = await startForTest(t, {
      allowHalfOpen: true,
      onConnection: ({ socket }) => {
        // The answer comes after the client has closed its side.
        socket.once('end', () => setImmediate(() => socket.end('BYE')));
        socket.resume();
        socket.write('hello');
      },
    });
    const client = connectTls({
      port: server.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version,
    });
    await once(client, 'data');
    client.end('LOGOUT');
    const [answer] = (await once(client, 'data')) as [Buffer];
    t.equal(answer.toString(), 'BYE', version);
    await until(() => server.connections.size === 0);
  }
});
