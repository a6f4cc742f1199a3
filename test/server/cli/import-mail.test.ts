import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { childEnvironment } from '../../fixtures/child-environment.ts';
import { ImapClient } from '../../fixtures/imap-client.ts';
import { startServerProcess } from '../../fixtures/server-process.ts';
import { openSqliteStore } from '../../../store/open-sqlite-store.ts';
import { reprise } from './reprise.ts';

const fromLine = 'From a@example.com Tue Mar  5 12:00:00 2024\n';

function mboxOf(texts: readonly string[]): string {
  return texts.map((text) => `${fromLine}Status: RO\nSubject: ${text}\n\n${text}\n\n`).join('');
}

/** How many messages each mailbox has. */
async function countMessages(dataDirectory: string): Promise<Record<string, number>> {
  const store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
  const counts: Record<string, number> = {};
  const account = await store.findAccount('alice');
  for (const mailbox of await store.listMailboxes(account?.id ?? 0)) {
    const { messageCount } = await store.readStatus(mailbox);
    if (messageCount > 0) counts[mailbox.name] = messageCount;
  }
  t.strictSame(await store.checkIntegrity(), []);
  await store.close();
  return counts;
}

/** Settles when the store that another process has open holds so many messages. */
async function hasMessages(dataDirectory: string, count: number): Promise<void> {
  const database = new DatabaseSync(join(dataDirectory, 'mail.db'), { readOnly: true });
  const statement = database.prepare('SELECT sum(message_count) AS count FROM mailboxes');
  while (Number(statement.get()?.['count'] ?? 0) < count) await delay(2);
  database.close();
}

await t.test('an mbox is imported while a server runs, and clients see it', async (t) => {
  const server = await startServerProcess();
  t.teardown(() => server.stop());
  await server.addUser('alice', 'secret');
  const path = join(t.testdir(), 'mail.mbox');
  writeFileSync(path, mboxOf(['one', 'two', 'one']));
  const run = () => server.command(['import', '--user', 'alice', '--mailbox', 'Old/2024', path]);
  const first = await run();
  t.equal(first.stdout.toString(), 'Old/2024: 3 imported, 0 already there, 0 refused\n');
  t.match(first, { code: 0, stderr: '' });
  const second = await run();
  t.equal(second.stdout.toString(), 'Old/2024: 0 imported, 3 already there, 0 refused\n');
  const client = await ImapClient.connect({ port: server.imapsPort, security: 'tls' });
  await client.login('alice', 'secret');
  await client.ok('SELECT Old/2024');
  const { untagged } = await client.ok('FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[TEXT])');
  t.strictSame(
    untagged.map((response) => response.text.includes('FETCH')),
    [true, true, true],
  );
  t.match(untagged[0]?.text, /\\Seen/);
  t.match(untagged[0]?.text, '" 5-Mar-2024 12:00:00 +0000"');
  await client.logout();
});

await t.test('a Maildir with subfolders is imported without a server', async (t) => {
  const folder = (name: string) => ({ cur: { [`1700000000.${name}:2,S`]: `A: ${name}\n\nx\n` } });
  const maildir = t.testdir({ data: {}, mail: { ...folder('a'), '.Sent': folder('b') } });
  const environment = { REPRISE_DATA: join(maildir, 'data') };
  await reprise(['user', 'add', 'alice', '--password-stdin'], environment, { input: 'secret' });
  const result = await reprise(['import', '--user', 'alice', join(maildir, 'mail')], environment);
  t.match(result, { code: 0, stderr: '' });
  t.strictSame(result.stdout.split('\n').filter(Boolean).toSorted(), [
    'INBOX: 1 imported, 0 already there, 0 refused',
    'In all: 2 imported, 0 already there, 0 refused',
    'Sent: 1 imported, 0 already there, 0 refused',
  ]);
  t.strictSame(await countMessages(environment.REPRISE_DATA), { INBOX: 1, Sent: 1 });
});

await t.test(
  'an import that was killed in the middle goes on and adds nothing twice',
  async (t) => {
    const directory = t.testdir({ data: {} });
    const environment = { REPRISE_DATA: join(directory, 'data') };
    await reprise(['user', 'add', 'alice', '--password-stdin'], environment, { input: 'secret' });
    const path = join(directory, 'mail.mbox');
    const texts = Array.from({ length: 1500 }, (_, index) => `${index % 1200} ${'x'.repeat(2000)}`);
    writeFileSync(path, mboxOf(texts));
    const argv = ['import', '--user', 'alice', path];
    const script = resolve(import.meta.dirname, '../../../server/main.ts');
    for (const round of [1, 2]) {
      const child = spawn(process.execPath, [script, ...argv], {
        env: { ...childEnvironment, ...environment },
        stdio: 'ignore',
      });
      const exited = once(child, 'exit');
      await hasMessages(environment.REPRISE_DATA, 400 * round);
      child.kill('SIGKILL');
      t.strictSame(await exited, [null, 'SIGKILL'], 'was in the middle');
    }
    const result = await reprise(argv, environment);
    t.match(result, { code: 0, stderr: '' });
    t.match(result.stdout, /^INBOX: [1-9]\d* imported, [1-9]\d* already there, 0 refused\n$/);
    t.strictSame(await countMessages(environment.REPRISE_DATA), { INBOX: 1500 });
  },
);

await t.test('what cannot be imported is said in one line', async (t) => {
  const directory = t.testdir({ data: {}, empty: {}, 'no.mbox': 'Subject: x\n\ny\n' });
  const environment = { REPRISE_DATA: join(directory, 'data') };
  await reprise(['user', 'add', 'alice', '--password-stdin'], environment, { input: 'secret' });
  const run = async (...argv: string[]) => reprise(['import', ...argv], environment);
  const mbox = join(directory, 'no.mbox');
  for (const [argv, text] of [
    [['--user', 'alice', mbox], /as an mbox/],
    [['--user', 'alice', join(directory, 'empty')], /as a Maildir/],
    [['--user', 'alice', join(directory, 'nowhere')], /ENOENT/],
    [['--user', 'bob', mbox], /no user "bob"/],
    [['--user', 'alice', '--mailbox', 'a//b', mbox], /empty level, got "a\/\/b"/],
  ] as const) {
    const result = await run(...argv);
    t.equal(result.code, 1, argv.join(' '));
    t.equal(result.errors.length, 1);
    t.match(result.errors[0], text);
  }
});
