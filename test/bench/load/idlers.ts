// Clients of one account that idle in INBOX, and count what they are told.
import { ImapConnection, type Security } from './imap-connection.ts';
import { serveLoad } from './load-process.ts';

export interface IdlersOptions {
  readonly port: number;
  readonly security: Security;
  readonly account: string;
  readonly password: string;
  readonly count: number;
  /** Where they come from, in turns. */
  readonly localAddresses: readonly string[];
  /** If not, they read nothing once they idle. */
  readonly isReading: boolean;
  /** FETCH responses after which a client has been told everything. */
  readonly expectedCount: number;
}

export interface IdlersReport {
  /** When the client had been told everything, by `Date.now()`; undefined if it has not (yet). */
  readonly doneAt: readonly (number | undefined)[];
  /** FETCH responses of each client. */
  readonly fetchCounts: readonly number[];
  readonly openCount: number;
}

/** Connections that are made at the same time: a crowd that has come, not a rush. */
const parallel = 10;

interface Idler {
  readonly connection: ImapConnection;
  fetchCount: number;
  doneAt: number | undefined;
}

const idlers: Idler[] = [];

const actions = {
  async connect(options: IdlersOptions): Promise<void> {
    let begun = 0;
    const connectSome = async (): Promise<void> => {
      while (begun < options.count) await idle(options, begun++);
    };
    await Promise.all(Array.from({ length: parallel }, connectSome));
  },

  report(): IdlersReport {
    return {
      doneAt: idlers.map(({ doneAt }) => doneAt),
      fetchCounts: idlers.map(({ fetchCount }) => fetchCount),
      openCount: idlers.filter(({ connection }) => connection.isOpen).length,
    };
  },
};

export type Idlers = typeof actions;

serveLoad(actions);

async function idle(options: IdlersOptions, number: number): Promise<void> {
  const { port, security, localAddresses, account, password, isReading, expectedCount } = options;
  const connection = await ImapConnection.connect({
    port,
    security,
    localAddress: localAddresses[number % localAddresses.length]!,
  });
  await connection.ok(`LOGIN ${account} ${password}`);
  await connection.ok('SELECT INBOX');
  await connection.idle();
  const idler: Idler = { connection, fetchCount: 0, doneAt: undefined };
  idlers.push(idler);
  if (!isReading) return connection.pause();
  const countFetches = fetchCounter();
  connection.onData = (chunk) => {
    idler.fetchCount += countFetches(chunk);
    if (idler.doneAt === undefined && idler.fetchCount >= expectedCount) idler.doneAt = Date.now();
  };
}

/** Counts "CH", which a FETCH response without literals has once, in its name. */
function fetchCounter(): (chunk: Buffer) => number {
  const [c, h] = [0x43, 0x48];
  let previous = 0;
  return (chunk) => {
    let count = 0;
    for (const byte of chunk) {
      if (byte === h && previous === c) count++;
      previous = byte;
    }
    return count;
  };
}
