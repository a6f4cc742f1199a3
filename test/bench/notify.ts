// Memory of connections that are told by NOTIFY of all mailboxes of their account, of which each has changed:
//
//     npm run bench -- notify [mailboxes] [accounts]
//
// 1,000 mailboxes in each of 20 accounts. First a connection of each account, which takes all that watching the account costs with
// it; then 4 more of each; then all name each mailbox in the command. Memory is what the threads hold above that of the same
// connections before NOTIFY, when garbage is collected.
import { BenchServer } from './bench-server.ts';
import { collectingNodeOptions, collectMemory } from './collected-memory.ts';
import { printFigure } from './figures.ts';
import type { ImapConnection } from './load/imap-connection.ts';
import { positionalOf } from './settings.ts';

const [mailboxes = '1000', accounts = '20'] = positionalOf(process.argv.slice(2));
const names = Array.from({ length: Number(mailboxes) }, (_, index) => `Lists/Some list ${index}`);
const accountNames = Array.from({ length: Number(accounts) }, (_, index) => `user${index}`);
const connectionsEach = 5;
const bound = { atMost: 64 } as const;
const events = 'MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange';
const personal = `(PERSONAL (${events}))`;
const named = `(MAILBOXES (${names.map((name) => `"${name}"`).join(' ')}) (${events}))`;
const message = 'Subject: one\r\n\r\nHello\r\n';

/** Who changes the mailboxes of an account, and those who are told. */
interface Clients {
  readonly actor: ImapConnection;
  readonly told: readonly ImapConnection[];
}

const server = await BenchServer.start({
  accounts: accountNames,
  environment: { REPRISE_WORKERS: '1' },
  nodeOptions: collectingNodeOptions,
});
try {
  await measure();
} finally {
  await server.stop();
}

async function measure(): Promise<void> {
  const clients = await Promise.all(accountNames.map(connect));
  // What the first use of anything takes is not that of a connection.
  await notify(clients, connectionsEach, personal);
  await notify(clients, connectionsEach, undefined);
  const before = await heldBytes();
  const above = async (count: number, what: string | undefined) => {
    await notify(clients, count, what);
    return (await heldBytes()) - before;
  };
  const first = await above(1, personal);
  printFigure('the first connection of an account', kibibytes(first, 1), 'KiB', bound);
  const all = await above(connectionsEach, personal);
  const more = kibibytes(all - first, connectionsEach - 1);
  printFigure('each more connection of it', more, 'KiB', bound);
  const allNamed = kibibytes(await above(connectionsEach, named), connectionsEach);
  printFigure('each, with all names in its command', allNamed, 'KiB', bound);
  const left = kibibytes(await above(connectionsEach, undefined), connectionsEach);
  printFigure('left of each after NOTIFY NONE', left, 'KiB');
  for (const { actor, told } of clients) for (const client of [actor, ...told]) client.close();
}

async function connect(account: string): Promise<Clients> {
  const actor = await server.login(account);
  for (const name of names) await actor.ok(`CREATE "${name}"`);
  const told: ImapConnection[] = [];
  while (told.length < connectionsEach) told.push(await server.login(account));
  return { actor, told };
}

/** So many connections of each account say what they want, and are told of a change of each mailbox. */
async function notify(
  clients: readonly Clients[],
  count: number,
  what: string | undefined,
): Promise<void> {
  const command = what === undefined ? 'NOTIFY NONE' : `NOTIFY SET ${what}`;
  const change = async ({ actor, told }: Clients) => {
    for (const client of told.slice(0, count)) await client.ok(command);
    for (const name of names) {
      await actor.ok(`APPEND "${name}" {${message.length}+}\r\n${message}`);
    }
    for (const client of told.slice(0, count)) await client.ok('NOOP');
  };
  await Promise.all(clients.map(change));
}

/** Of one of so many connections of each account. */
function kibibytes(bytes: number, connectionCount: number): number {
  return bytes / 1024 / accountNames.length / connectionCount;
}

async function heldBytes(): Promise<number> {
  return (await collectMemory(server.process)).heldBytes;
}
