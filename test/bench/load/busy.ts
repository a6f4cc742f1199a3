// Clients that give a server one kind of work after the other, without pause.
import { ImapConnection } from './imap-connection.ts';
import { serveLoad } from './load-process.ts';

/** `mixed`: each client does all three by turns, none of them at the same time as another. */
export const workKinds = ['search', 'fetch', 'append', 'mixed'] as const;
export type WorkKind = (typeof workKinds)[number];

export interface BusyOptions {
  readonly port: number;
  readonly account: string;
  readonly password: string;
  readonly count: number;
  readonly kind: WorkKind;
  /** Messages of INBOX. */
  readonly messageCount: number;
  /** What is appended. */
  readonly message: Uint8Array;
  /** A word that a search looks for in texts. */
  readonly word: string;
}

/** Messages that one FETCH asks for, whole. */
const fetchedAtOnce = 500;

let isBusy = false;
let loops: Promise<void>[] = [];
let doneCount = 0;

const actions = {
  /** Returns when all work. */
  async begin(options: BusyOptions): Promise<void> {
    isBusy = true;
    doneCount = 0;
    const clients = await Promise.all(Array.from({ length: options.count }, () => open(options)));
    loops = clients.map((client, number) => work(options, client, number));
  },

  /** Returns how many commands were answered. */
  async end(): Promise<number> {
    isBusy = false;
    await Promise.all(loops);
    return doneCount;
  },
};

export type Busy = typeof actions;

serveLoad(actions);

async function open({ port, account, password }: BusyOptions): Promise<ImapConnection> {
  const client = await ImapConnection.connect({ port, security: 'tls' });
  await client.ok(`LOGIN ${account} ${password}`);
  // Refused if it is there.
  await client.command('CREATE Appended');
  await client.ok('SELECT INBOX');
  return client;
}

async function work(options: BusyOptions, client: ImapConnection, number: number): Promise<void> {
  for (let round = number; isBusy; round++) {
    const kind = options.kind === 'mixed' ? workKinds[round % 3]! : options.kind;
    if (kind === 'append') await client.ok('APPEND Appended', options.message);
    else if (kind === 'search') await client.ok(searchOf(options, round));
    else await client.ok(fetchOf(options, round));
    doneCount++;
  }
  client.close();
}

function searchOf({ word }: BusyOptions, round: number): string {
  return round % 2 === 0 ? `UID SEARCH BODY "${word}"` : `UID SEARCH SUBJECT "${word}"`;
}

function fetchOf({ messageCount }: BusyOptions, round: number): string {
  const first = 1 + ((round * fetchedAtOnce) % messageCount);
  const last = Math.min(messageCount, first + fetchedAtOnce - 1);
  return `FETCH ${first}:${last} (UID FLAGS ENVELOPE BODY.PEEK[])`;
}
