// Connections of strangers: silent, slow, or guessing passwords. One that the server ends is replaced.
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { ImapConnection } from './imap-connection.ts';
import { serveLoad } from './load-process.ts';

/**
 * - `silent`: connected to 993, says nothing.
 * - `dripping`: sends a ClientHello to 993, one byte a second.
 * - `stalled`: sends half of a ClientHello to 993 at once, and no more.
 * - `dripping-imap`: sends a line to 143, one byte a second.
 * - `guessing`: logs in over TLS with wrong passwords, again and again.
 */
export type StrangerKind = 'silent' | 'dripping' | 'stalled' | 'dripping-imap' | 'guessing';

export interface StrangersOptions {
  readonly imapPort: number;
  readonly imapsPort: number;
  /** Used in turns. */
  readonly kinds: readonly StrangerKind[];
  readonly count: number;
  /** Used in turns. */
  readonly localAddresses: readonly string[];
  /** Whose password is guessed. */
  readonly account: string;
}

export interface StrangersReport {
  /** Connections that are there now. */
  readonly openCount: number;
  /** Connections that the server has ended or refused. */
  readonly endedCount: number;
  /** Logins that were answered, with anything but OK. */
  readonly guessCount: number;
}

/** A replacement comes after this pause: it is a crowd that stays, no flood. */
const replaceMs = 500;
const dripMs = 1_000;
const opensAtOnce = 100;
const guessDeadlineMs = 60_000;

let endedCount = 0;
let guessCount = 0;
const open = new Set<object>();

const actions = {
  /** Returns when all have connected, or tried to. */
  async connect(options: StrangersOptions): Promise<void> {
    let begun = 0;
    const connectSome = async (): Promise<void> => {
      while (begun < options.count) {
        const number = begun++;
        const first = Promise.withResolvers<void>();
        void stay(options, number, first.resolve);
        await first.promise;
      }
    };
    await Promise.all(Array.from({ length: opensAtOnce }, connectSome));
  },

  report(): StrangersReport {
    return { openCount: open.size, endedCount, guessCount };
  },
};

export type Strangers = typeof actions;

serveLoad(actions);

/** Ends with the process. */
async function stay(
  options: StrangersOptions,
  number: number,
  onFirst: () => void,
): Promise<never> {
  const kind = options.kinds[number % options.kinds.length]!;
  const localAddress = options.localAddresses[number % options.localAddresses.length]!;
  for (;;) {
    await (kind === 'guessing'
      ? guess(options, localAddress, onFirst)
      : linger(options, kind, localAddress, onFirst));
    onFirst();
    endedCount++;
    await delay(replaceMs);
  }
}

function linger(
  { imapPort, imapsPort }: StrangersOptions,
  kind: Exclude<StrangerKind, 'guessing'>,
  localAddress: string,
  onConnected: () => void,
): Promise<void> {
  const port = kind === 'dripping-imap' ? imapPort : imapsPort;
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  return new Promise((resolve) => {
    let drip: NodeJS.Timeout | undefined;
    socket.on('connect', () => {
      open.add(socket);
      onConnected();
      drip = speak(socket, kind);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(drip);
      open.delete(socket);
      resolve();
    });
    socket.resume();
  });
}

function speak(
  socket: Socket,
  kind: Exclude<StrangerKind, 'guessing'>,
): NodeJS.Timeout | undefined {
  if (kind === 'silent') return undefined;
  const hello = beginningOfHello();
  if (kind === 'stalled') {
    socket.write(hello);
    return undefined;
  }
  const bytes = kind === 'dripping' ? hello : Buffer.from('a LOGIN somebody '.padEnd(4_000, 'x'));
  let sent = 0;
  return setInterval(() => {
    if (sent < bytes.length) socket.write(bytes.subarray(sent, ++sent));
  }, dripMs);
}

/** A record header that promises 512 bytes of a ClientHello, and half of these. @see RFC 8446, section 4.1.2 */
function beginningOfHello(): Buffer {
  const header = Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
  const random = Buffer.alloc(32, 0x5a);
  const sessionIdAndCiphers = Buffer.from([0, 0, 4, 0x13, 1, 0x13, 2, 1, 0, 1, 0xcf]);
  return Buffer.concat([header, random, sessionIdAndCiphers, Buffer.alloc(200)]);
}

/** Guesses until the server ends the connection. */
async function guess(
  { imapsPort, account }: StrangersOptions,
  localAddress: string,
  onConnected: () => void,
): Promise<void> {
  let connection: ImapConnection | undefined;
  try {
    connection = await ImapConnection.connect({
      port: imapsPort,
      security: 'tls',
      localAddress,
      deadlineMs: guessDeadlineMs,
    });
    open.add(connection);
    onConnected();
    for (let attempt = 0; ; attempt++) {
      await connection.command(`LOGIN ${account} wrong-password-${attempt}`);
      guessCount++;
    }
  } catch {
    // Ended, refused, or not answered any more.
  } finally {
    if (connection !== undefined) open.delete(connection);
    connection?.close();
  }
}
