// Clients that all come at one instant, or so many a second, make a full TLS handshake, log in, and stay.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { ImapConnection, type Security } from './imap-connection.ts';
import { serveLoad } from './load-process.ts';

export interface MorningOptions {
  readonly port: number;
  readonly security: Security;
  readonly localAddress: string;
  readonly count: number;
  /** Used in turns. */
  readonly accounts: readonly string[];
  readonly password: string;
  /** Absent: all TCP connections are there first, and then everybody begins at one instant. */
  readonly perSecond?: number;
}

export interface MorningReport {
  /** Milliseconds from the beginning of a client to the answer to its LOGIN, of those that were served. */
  readonly servedMs: readonly number[];
  /** From the first beginning to the last answer. */
  readonly lastMs: number;
  /** Why the others were not, and how many. */
  readonly failures: Readonly<Record<string, number>>;
}

/** After which a client gives up. */
const deadlineMs = 60_000;
/** TCP connections that are opened at the same time: fewer than a listener's backlog. */
const opensAtOnce = 200;

let options: MorningOptions;
let sockets: Socket[] = [];
const connections: ImapConnection[] = [];

const actions = {
  /** Opens the TCP connections, and sends nothing. */
  async prepare(given: MorningOptions): Promise<void> {
    options = given;
    if (options.perSecond !== undefined) return;
    let left = options.count;
    const openSome = async (): Promise<void> => {
      while (left-- > 0) sockets.push(await open());
    };
    await Promise.all(Array.from({ length: opensAtOnce }, openSome));
  },

  async begin(): Promise<MorningReport> {
    const { count, perSecond } = options;
    const startMs = performance.now();
    const servedMs: number[] = [];
    const failures: Record<string, number> = {};
    const come = async (number: number): Promise<void> => {
      const beganMs = performance.now();
      try {
        connections.push(await visit(sockets[number], number));
        servedMs.push(performance.now() - beganMs);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        failures[reason] = (failures[reason] ?? 0) + 1;
      }
    };
    const visits: Promise<void>[] = [];
    for (let number = 0; number < count; number++) {
      if (perSecond !== undefined) {
        const dueMs = startMs + (number * 1000) / perSecond;
        if (dueMs > performance.now()) await delay(dueMs - performance.now());
      }
      visits.push(come(number));
    }
    await Promise.all(visits);
    return { servedMs, lastMs: performance.now() - startMs, failures };
  },

  leave(): void {
    for (const connection of connections) connection.close();
    for (const socket of sockets) socket.destroy();
    sockets = [];
  },
};

export type MorningLoad = typeof actions;

serveLoad(actions);

async function visit(socket: Socket | undefined, number: number): Promise<ImapConnection> {
  const { security, accounts, password } = options;
  const connection = await ImapConnection.over(socket ?? (await open()), security, deadlineMs);
  await connection.ok(`LOGIN ${accounts[number % accounts.length]} ${password}`);
  return connection;
}

async function open(): Promise<Socket> {
  const { port, localAddress } = options;
  const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
  // What the server sends or that it closes stays in the kernel until TLS reads it, which sees it only there.
  socket.pause();
  // What becomes of it is seen when it is used.
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}
