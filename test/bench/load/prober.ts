// Clients that send NOOP or APPEND at fixed times and tell how long the answers took.
import { setTimeout as delay } from 'node:timers/promises';
import { smallMessage } from '../small-mail.ts';
import { ImapConnection, type ImapConnectionOptions } from './imap-connection.ts';
import { serveLoad } from './load-process.ts';

export interface ProberOptions extends ImapConnectionOptions {
  readonly account: string;
  readonly password: string;
  /** Connections; several, so that each worker of the server has one. */
  readonly count: number;
  /** A connection asks this often. */
  readonly everyMs: number;
  /** Selected before, so that NOOP has something to look at. */
  readonly mailbox?: string;
  /** A mailbox that is there: messages are appended to it, each a new one, instead of NOOP. */
  readonly appendsTo?: string;
}

/**
 * Of the times in milliseconds. An answer that came later than the next question was due counts also for each one that
 * could not be sent meanwhile, with the time that it would have waited.
 */
export interface ProbeReport {
  readonly times: readonly number[];
  /** Times that a connection was lost or not answered. */
  readonly failureCount: number;
}

const retryMs = 250;

let options: ProberOptions;
let connections: ImapConnection[] = [];
let isProbing = false;
let times: number[] = [];
let failureCount = 0;
/** No other prober that runs appends messages with these numbers. */
let nextMessage = process.pid * 1_000_000;
let loops: Promise<void>[] = [];

const actions = {
  async connect(given: ProberOptions): Promise<void> {
    options = given;
    connections = await Promise.all(Array.from({ length: options.count }, open));
  },

  /** Begins to ask, and forgets what was measured before. */
  begin(): void {
    isProbing = true;
    times = [];
    failureCount = 0;
    loops = connections.map((connection) => probe(connection));
  },

  /** Stops asking once what was asked is answered. */
  async end(): Promise<ProbeReport> {
    isProbing = false;
    await Promise.all(loops);
    return { times, failureCount };
  },
};

export type Prober = typeof actions;

serveLoad(actions);

async function open(): Promise<ImapConnection> {
  const connection = await ImapConnection.connect(options);
  await connection.ok(`LOGIN ${options.account} ${options.password}`);
  if (options.mailbox !== undefined) await connection.ok(`SELECT ${options.mailbox}`);
  return connection;
}

async function ask(connection: ImapConnection): Promise<void> {
  if (options.appendsTo === undefined) await connection.ok('NOOP');
  else await connection.ok(`APPEND ${options.appendsTo}`, smallMessage(nextMessage++));
}

async function probe(first: ImapConnection): Promise<void> {
  let connection: ImapConnection | undefined = first;
  let dueMs = performance.now();
  while (isProbing) {
    try {
      connection ??= await open();
      await ask(connection);
    } catch {
      failureCount++;
      connection?.close();
      connection = undefined;
      await delay(retryMs);
      continue;
    }
    const nowMs = performance.now();
    for (; dueMs < nowMs; dueMs += options.everyMs) times.push(nowMs - dueMs);
    await delay(dueMs - nowMs);
    // That a timer of ours was late is not the server's doing.
    dueMs = performance.now();
  }
  if (connection === undefined) times.push(performance.now() - dueMs);
  if (connection !== undefined) connections[connections.indexOf(first)] = connection;
}
