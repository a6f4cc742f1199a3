import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCredentials } from '../../server/authentication/make-credentials.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { type ServerProcess, startServerProcess } from '../fixtures/server-process.ts';
import { ImapConnection } from './load/imap-connection.ts';

/** Of every account of a bench. */
export const password = 'correct-horse';

export interface BenchServerOptions {
  /** Made before the server starts, each with {@link password}. */
  readonly accounts: readonly string[];
  /** Added to `REPRISE_WORKERS=2`. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Options of node itself. */
  readonly nodeOptions?: readonly string[];
}

/** A server process with accounts, which can be started anew on the same data. */
export class BenchServer {
  readonly #directory: string;
  readonly #options: BenchServerOptions;
  #process: ServerProcess;

  private constructor(directory: string, options: BenchServerOptions, process: ServerProcess) {
    this.#directory = directory;
    this.#options = options;
    this.#process = process;
  }

  static async start(options: BenchServerOptions): Promise<BenchServer> {
    const directory = await mkdtemp(join(tmpdir(), 'reprise-bench-'));
    await makeAccounts(directory, options.accounts);
    return new BenchServer(directory, options, await startProcess(directory, options));
  }

  /** The process that runs now. */
  get process(): ServerProcess {
    return this.#process;
  }

  async restart(): Promise<void> {
    await this.#process.stop();
    this.#process = await startProcess(this.#directory, this.#options);
  }

  async stop(): Promise<void> {
    await this.#process.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** A client over TLS that has logged in. */
  async login(account: string): Promise<ImapConnection> {
    const client = await ImapConnection.connect({
      port: this.#process.imapsPort,
      security: 'tls',
    });
    await client.ok(`LOGIN ${account} ${password}`);
    return client;
  }

  /** The metrics now, by name and labels. The bench must have set `REPRISE_ADMIN_PORT`. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const response = await fetch(`http://127.0.0.1:${this.#process.adminPort}/metrics`);
    const lines = (await response.text()).split('\n').filter((line) => /^\w/.test(line));
    return new Map(
      lines.map((line) => {
        const space = line.lastIndexOf(' ');
        return [line.slice(0, space), Number(line.slice(space + 1))];
      }),
    );
  }
}

/**
 * Fills INBOX up to a number of messages, all of them alike: one APPEND, then copies of all that is there, which is the
 * quickest way that any IMAP server has.
 */
export async function fillInbox(client: ImapConnection, messageCount: number): Promise<void> {
  await client.ok('APPEND INBOX', Buffer.from('Subject: Hello\r\n\r\nHello\r\n'));
  await client.ok('SELECT INBOX');
  for (let count = 1; count < messageCount;) {
    const copied = Math.min(count, messageCount - count);
    await client.ok(`COPY 1:${copied} INBOX`);
    count += copied;
  }
  await client.ok('UNSELECT');
}

/** One hash serves all: making one for each would take longer than many a bench. */
async function makeAccounts(dataDirectory: string, names: readonly string[]): Promise<void> {
  const store = await openSqliteStore({ dataDirectory });
  try {
    const credentials = await makeCredentials(password);
    for (const name of names) await store.createAccount(name, credentials);
  } finally {
    await store.close();
  }
}

function startProcess(
  dataDirectory: string,
  { environment, nodeOptions = [] }: BenchServerOptions,
): Promise<ServerProcess> {
  return startServerProcess({
    dataDirectory,
    environment: { REPRISE_WORKERS: '2', ...environment },
    nodeOptions,
  });
}
