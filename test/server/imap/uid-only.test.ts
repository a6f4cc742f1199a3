// UIDONLY (RFC 9586) beside what its transcript shows: a client that enables it and does not keep to it, such as Microsoft 365's
// importer, which then sends FETCH; and what was under way when it was enabled.
import t from 'tap';
import { startImapService, appendMessages, texts } from '../../fixtures/imap-service.ts';
import type { ImapClient } from '../../fixtures/imap-client.ts';

const { newClient: newUsualClient } = await startImapService(t);
const { newClient, newPair, login } = await startImapService(t, {
  capabilitiesOff: new Set(),
  accountCapabilitiesOff: new Map([['bob', ['UIDONLY']]]),
});

async function select(client: ImapClient, ...enabled: readonly string[]): Promise<void> {
  if (enabled.length > 0) await client.ok(`ENABLE ${enabled.join(' ')}`);
  await client.ok('SELECT INBOX');
}

await t.test('by default it is off, so that who enables it is not taken at its word', async (t) => {
  const client = await newUsualClient();
  t.notMatch(texts(await client.ok('CAPABILITY')), [/UIDONLY/]);
  t.same(texts(await client.ok('ENABLE UIDONLY')), ['* ENABLED']);
  await appendMessages(client, 'INBOX', 'one');
  await client.ok('SELECT INBOX');
  t.same(texts(await client.ok('FETCH 1 (UID)')), ['* 1 FETCH (UID 1)']);
  t.same(texts(await client.ok('UID FETCH 1 (FLAGS)')), [
    String.raw`* 1 FETCH (UID 1 FLAGS (\Recent \Seen))`,
  ]);
});

await t.test('it can be off for an account', async (t) => {
  const client = await login('bob');
  t.notMatch(texts(await client.ok('CAPABILITY')), [/UIDONLY/]);
  t.same(texts(await client.ok('ENABLE UIDONLY')), ['* ENABLED']);
});

await t.test('a client that goes on with FETCH is refused, and stays', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one');
  await select(client, 'UIDONLY');
  for (let count = 0; count < 50; count++) {
    t.match(await client.command('FETCH 1:* (UID FLAGS BODY[])'), {
      status: 'BAD',
      text: /^\[UIDREQUIRED\] /,
      untagged: [],
    });
  }
  t.same(texts(await client.ok('UID FETCH 1:* (FLAGS)')), [
    String.raw`* 1 UIDFETCH (FLAGS (\Recent \Seen))`,
  ]);
});

await t.test('a message that comes with a refused REPLACE is not taken for commands', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one');
  await select(client, 'UIDONLY');
  const message = 'Subject: x\r\n\r\nx1 UID STORE 1 +FLAGS (stored)\r\n';
  client.send(`a REPLACE 1 INBOX {${message.length}+}\r\n${message}\r\nb NOOP\r\n`);
  t.match(await client.readTagged('a'), { status: 'BAD', text: /^\[UIDREQUIRED\]/ });
  t.match(await client.readTagged('b'), { status: 'OK' });
  client.send(`c REPLACE 1 INBOX {${message.length}}\r\n`);
  t.match(await client.readTagged('c'), { status: 'BAD', text: /^\[UIDREQUIRED\]/ });
  t.same(texts(await client.ok('UID FETCH 1:* (FLAGS)')), [
    String.raw`* 1 UIDFETCH (FLAGS (\Recent \Seen))`,
  ]);
});

await t.test('what happened before it is told in its way', async (t) => {
  const [client, other] = await newPair();
  await appendMessages(client, 'INBOX', 'one', 'two', 'three');
  await select(client);
  await select(other);
  await other.ok('STORE 1 +FLAGS (\\Deleted)');
  await other.ok('STORE 3 +FLAGS (\\Flagged)');
  await other.ok('EXPUNGE');
  const before = texts(await client.ok('SEARCH ALL')).filter((line) => line.includes('EXPUNGE'));
  t.same(before, [], 'held back');
  t.same(texts(await client.ok('ENABLE UIDONLY')), ['* ENABLED UIDONLY', '* VANISHED 1']);
  await other.ok('STORE 1 +FLAGS (\\Draft)');
  t.same(texts(await client.ok('NOOP')), [String.raw`* 2 UIDFETCH (FLAGS (\Recent \Seen \Draft))`]);
  await select(client);
  await other.ok('STORE 1:* -FLAGS (\\Seen)');
  t.notMatch(texts(await client.ok('EXAMINE INBOX')).join('\n'), /UNSEEN/);
});

await t.test('flags that a client with modseqs is told have them, and no UID beside', async (t) => {
  const [client, other] = await newPair();
  await appendMessages(client, 'INBOX', 'one', 'two');
  await select(client, 'UIDONLY', 'CONDSTORE');
  await select(other);
  await other.ok('STORE 2 +FLAGS (\\Flagged)');
  t.match(texts(await client.ok('NOOP')), [/^\* 2 UIDFETCH \(FLAGS \([^)]*\) MODSEQ \(\d+\)\)$/]);
  await other.ok('STORE 2 +FLAGS (\\Deleted)');
  await other.ok('EXPUNGE');
  t.same(texts(await client.ok('NOOP')), ['* VANISHED 2'], 'and no HIGHESTMODSEQ');
  const stored = await client.ok('UID STORE 1 +FLAGS.SILENT (\\Flagged)');
  t.match(texts(stored), [/^\* 1 UIDFETCH \(MODSEQ \(\d+\)\)$/]);
});
