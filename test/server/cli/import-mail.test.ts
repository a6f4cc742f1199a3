import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { childEnvironment } from '../../fixtures/child-environment.ts';
import { ImapClient } from '../../fixtures/imap-client.ts';
import { startServerProcess } from '../../fixtures/server-process.ts';
import { openSqliteStore } from '../../../store/sqlite/open.ts';
import { reprise } from './reprise.ts';

// Each command is a process of its own.
t.setTimeout(180_000);

const fromLine = 'From a@example.com Tue Mar  5 12:00:00 2024\n';

function mboxOf(texts: readonly string[]): string {
  return texts.map((text) => `${fromLine}Status: RO\nSubject: ${text}\n\n${text}\n\n`).join('');
}

/** Makes alice's account where no server is. */
async function addAccount(dataDirectory: string): Promise<void> {
  const store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
  await store.createAccount('alice', { argon2id: '', scramSha256: '' });
  await store.close();
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
  await addAccount(environment.REPRISE_DATA);
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
    await addAccount(environment.REPRISE_DATA);
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

await t.test('a Maildir of Dovecot comes with its flags and subscriptions', async (t) => {
  const server = await startServerProcess();
  t.teardown(() => server.stop());
  await server.addUser('alice', 'secret');
  const mail = (name: string, info: string) => ({
    cur: { [`1700000000.${name}:2,${info}`]: 'A: 1\n\nx\n' },
  });
  const root = t.testdir({
    'dovecot-keywords': '0 $Forwarded\n1 $label1\n2 Work\n',
    subscriptions: 'V\t2\n\nLists\t2024\nElsewhere\n',
    ...mail('a', 'Sbc'),
    Lists: { '2024': mail('b', '') },
  });
  const result = await server.command(['import', '--user', 'alice', root]);
  t.match(result, { code: 0, stderr: '' });
  const client = await ImapClient.connect({ port: server.imapsPort, security: 'tls' });
  await client.login('alice', 'secret');
  await client.ok('SELECT INBOX');
  const { untagged } = await client.ok('FETCH 1 FLAGS');
  t.match(untagged[0]?.text, /\\Seen/);
  t.match(untagged[0]?.text, /\$label1/);
  t.match(untagged[0]?.text, /Work/);
  const subscribed = await client.ok('LSUB "" *');
  const names = subscribed.untagged.map((response) => response.text);
  t.ok(names.some((text) => text.includes('Lists/2024')));
  t.ok(names.some((text) => text.includes('Elsewhere')));
  await client.logout();
});

await t.test('what does not come along is named and makes the exit code 1', async (t) => {
  const directory = t.testdir({
    data: {},
    mail: {
      cur: { '1700000000.a': 'A: 1\n\nx\n', '1700000100.b': '', '1700000200.c:2,a': 'A: 2\n\n' },
      '.Sent': { cur: { '1700000000.d': 'A: 3\n\n' } },
    },
  });
  const root = join(directory, 'mail');
  symlinkSync(join(directory, 'data'), join(root, 'new'));
  const environment = { REPRISE_DATA: join(directory, 'data') };
  await addAccount(environment.REPRISE_DATA);
  const run = () => reprise(['import', '--user', 'alice', root], environment);
  const first = await run();
  t.equal(first.code, 1);
  t.strictSame(first.errors, [
    `reprise: Left out ${root}/new: It is a symbolic link, which is not followed`,
    `reprise: Refused ${root}/cur/1700000100.b: It is empty`,
    `reprise: Left out ${root}/dovecot-keywords: The keyword of the letter "a" in file names is not known`,
  ]);
  const lines = first.stdout.split('\n').filter(Boolean);
  t.equal(lines[0], 'INBOX: 2 imported, 0 already there, 1 refused');
  t.equal(lines.at(-1), 'In all: 3 imported, 0 already there, 1 refused');
  t.match((await run()).stdout, /^INBOX: 0 imported, 2 already there, 1 refused\n/);

  rmSync(join(root, 'new'));
  rmSync(join(root, 'cur/1700000100.b'));
  writeFileSync(join(root, 'dovecot-keywords'), '0 Work\n');
  writeFileSync(join(root, 'cur/1700000300.e:2,a'), 'A: 4\n\n');
  const last = await run();
  t.match(last, { code: 0, stderr: '' });
  t.match(last.stdout, /^INBOX: 1 imported, 2 already there, 0 refused\n/);
});

await t.test('a mailbox that cannot be made does not keep the others away', async (t) => {
  const folder = (name: string) => ({ cur: { [`1700000000.${name}`]: `A: ${name}\n\n` } });
  const deep = 'Lists.'.repeat(31) + 'x'.repeat(30);
  const directory = t.testdir({
    data: {},
    mail: { ...folder('a'), '.Sent': folder('b'), [`.${deep}.y`]: folder('c') },
  });
  const environment = { REPRISE_DATA: join(directory, 'data') };
  await addAccount(environment.REPRISE_DATA);
  const result = await reprise(['import', '--user', 'alice', join(directory, 'mail')], environment);
  t.equal(result.code, 1);
  t.equal(result.errors.length, 1);
  t.match(result.errors[0], /^reprise: Refused mailbox "Lists\/Lists.*": .*levels/);
  t.match(result.stdout, /\nIn all: 2 imported, 0 already there, 1 refused\n$/);
  t.strictSame(await countMessages(environment.REPRISE_DATA), { INBOX: 1, Sent: 1 });
});

await t.test('deleted messages of Thunderbird are counted', async (t) => {
  const directory = t.testdir({
    data: {},
    Inbox: `${fromLine}X-Mozilla-Status: 0009\nA: 1\n\nx\n\n${fromLine}X-Mozilla-Status: 0001\nA: 2\n\nx\n`,
  });
  const environment = { REPRISE_DATA: join(directory, 'data') };
  await addAccount(environment.REPRISE_DATA);
  const result = await reprise(
    ['import', '--user', 'alice', join(directory, 'Inbox')],
    environment,
  );
  t.match(result, { code: 0, stderr: '' });
  t.equal(result.stdout, 'INBOX: 1 imported, 0 already there, 0 refused, 1 deleted before\n');
});

await t.test('a server that stops in the middle is named, and the next run goes on', async (t) => {
  const directory = t.testdir({ data: {} });
  const dataDirectory = join(directory, 'data');
  await addAccount(dataDirectory);
  const server = await startServerProcess({ dataDirectory });
  const path = join(directory, 'mail.mbox');
  writeFileSync(path, mboxOf(Array.from({ length: 40 }, (_, n) => `${n} ${'x'.repeat(200_000)}`)));
  const argv = ['import', '--user', 'alice', path];
  const importing = server.command(argv);
  await hasMessages(dataDirectory, 5);
  await server.kill();
  const { code, stderr } = await importing;
  t.equal(stderr, 'reprise: The server stopped before it answered, run the command again\n');
  t.equal(code, 1);
  const again = await reprise(argv, { REPRISE_DATA: dataDirectory });
  t.match(again, { code: 0, stderr: '' });
  t.match(again.stdout, /^INBOX: [1-9]\d* imported, [1-9]\d* already there, 0 refused\n$/);
  t.strictSame(await countMessages(dataDirectory), { INBOX: 40 });
});

await t.test('what cannot be imported is said in one line', async (t) => {
  const directory = t.testdir({ data: {}, empty: {}, 'no.mbox': 'Subject: x\n\ny\n' });
  const environment = { REPRISE_DATA: join(directory, 'data') };
  await addAccount(environment.REPRISE_DATA);
  const run = async (...argv: string[]) => reprise(['import', ...argv], environment);
  const mbox = join(directory, 'no.mbox');
  for (const [argv, text] of [
    [['--user', 'alice', mbox], /as an mbox/],
    [['--user', 'alice', '/dev/null'], /no regular file/],
    [['--user', 'alice', join(directory, 'empty')], /as a Maildir/],
    [['--user', 'alice', join(directory, 'nowhere')], /ENOENT/],
    [['--user', 'bob', mbox], /no user "bob"/],
    [['--user', 'alice', '--mailbox', 'a//b', mbox], /"a\/\/b": it has an empty level/],
  ] as const) {
    const result = await run(...argv);
    t.equal(result.code, 1, argv.join(' '));
    t.equal(result.errors.length, 1);
    t.match(result.errors[0], text);
  }
});
