import { once } from 'node:events';
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';

/** One connection with TLS, as its client saw it. */
export interface Visit {
  readonly isResumed: boolean;
  /** To come back with; undefined if none is known. */
  readonly session: Buffer | undefined;
  /** The ticket or, from the cache with TLS 1.3, the session id that stands in its place; undefined if there is none. */
  readonly ticket: Buffer | undefined;
}

/** Where to, and how. */
export interface VisitOptions {
  readonly port: number;
  readonly secureContext: SecureContext;
  readonly session?: Buffer | undefined;
}

/** For one connection to a server of this machine, in milliseconds. */
const deadlineMs = 10_000;

/** Bytes of a session id. */
const sessionIdBytes = 32;

/** Connects, waits until the server answers a command, and leaves. Rejects if it does not, or not in time. */
export async function visit({ port, secureContext, session }: VisitOptions): Promise<Visit> {
  const deadline = AbortSignal.timeout(deadlineMs);
  const socket = connect({
    host: '127.0.0.1',
    port,
    secureContext,
    // Its certificate is its own; who answers on this port is this process.
    rejectUnauthorized: false,
    ...(session !== undefined && { session }),
  });
  let newest = session;
  socket.on('session', (given) => {
    newest = given;
  });
  try {
    await once(socket, 'secureConnect', { signal: deadline });
    const isResumed = socket.isSessionReused();
    await command(socket, 'NOOP', deadline);
    const ticket = socket.getTLSTicket();
    await command(socket, 'LOGOUT', deadline);
    return { isResumed, session: newest, ticket };
  } finally {
    socket.on('error', () => {});
    socket.destroy();
  }
}

/** Whether a client comes back with a ticket, not with a session of the cache. */
export function hasTicket({ ticket }: Visit): boolean {
  return ticket !== undefined && ticket.length > sessionIdBytes;
}

async function command(
  socket: Socket | TLSSocket,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  socket.write(`${name} ${name}\r\n`);
  await answer(socket, `${name} OK `, signal);
}

/** Waits for a line that begins like this. */
async function answer(
  socket: Socket | TLSSocket,
  beginning: string,
  signal: AbortSignal,
): Promise<void> {
  for (let text = ''; !`\r\n${text}`.includes(`\r\n${beginning}`);) {
    const chunks = (await once(socket, 'data', { signal })) as [Buffer];
    text += chunks[0].toString('latin1');
  }
}

/** A port that leads to the TLS behind STARTTLS of another. */
export interface StarttlsDoor {
  readonly port: number;
  close(): void;
}

/**
 * Listens on a free port, and asks the server for STARTTLS for each client, so that clients of both ports do the same: some
 * versions of Node offer no session over a socket that is connected already (nodejs/node#64402).
 */
export async function openStarttlsDoor(imapPort: number): Promise<StarttlsDoor> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connectTcp({ host: '127.0.0.1', port: imapPort });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    startTls(upstream).then(
      () => client.pipe(upstream).pipe(client),
      () => client.destroy(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function startTls(socket: Socket): Promise<void> {
  const deadline = AbortSignal.timeout(deadlineMs);
  await answer(socket, '* OK ', deadline);
  await command(socket, 'STARTTLS', deadline);
  socket.pause();
}
