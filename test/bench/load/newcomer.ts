// A real client that comes again and again: full TLS handshake, LOGIN, LOGOUT.
import { setTimeout as delay } from 'node:timers/promises';
import { ImapConnection } from './imap-connection.ts';
import { serveLoad } from './load-process.ts';

export interface NewcomerOptions {
  readonly port: number;
  readonly localAddress: string;
  /** Used in turns: one login each, so that the server remembers none of the passwords unless they are few. */
  readonly accounts: readonly string[];
  readonly password: string;
  readonly everyMs: number;
}

export interface NewcomerReport {
  /** Milliseconds from the beginning to the answer to LOGIN. */
  readonly times: readonly number[];
  /** Why others were not served, and how many. */
  readonly failures: Readonly<Record<string, number>>;
}

const deadlineMs = 20_000;

const actions = {
  /** Returns when each account has logged in once. */
  async visit(options: NewcomerOptions): Promise<NewcomerReport> {
    const times: number[] = [];
    const failures: Record<string, number> = {};
    const visits: Promise<void>[] = [];
    const startMs = performance.now();
    for (const [number, account] of options.accounts.entries()) {
      await delay(startMs + number * options.everyMs - performance.now());
      const began = performance.now();
      const visit = logIn(options, account).then(
        () => void times.push(performance.now() - began),
        (error: Error) => (failures[error.message] = (failures[error.message] ?? 0) + 1),
      );
      visits.push(visit.then(() => {}));
    }
    await Promise.all(visits);
    return { times, failures };
  },
};

export type Newcomer = typeof actions;

serveLoad(actions);

async function logIn(options: NewcomerOptions, account: string): Promise<void> {
  const { port, localAddress, password } = options;
  const client = await ImapConnection.connect({ port, security: 'tls', localAddress, deadlineMs });
  try {
    await client.ok(`LOGIN ${account} ${password}`);
  } finally {
    client.close();
  }
}
