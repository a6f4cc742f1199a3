// Bugs of other servers that broke clients, by the thread that reported them.
import t from 'tap';
import { alice, startMailServer } from '../fixtures/mail-server.ts';
import type { ImapClient } from '../fixtures/imap-client.ts';
import { plainMessage } from '../fixtures/plain-message.ts';

const server = await startMailServer(t);

await t.test(
  'dinhvh/libetpan#45: no line but untagged, tagged and continuation ones',
  async (t) => {
    const client = await server.connect('starttls');
    const commands = [
      'CAPABILITY',
      `LOGIN ${alice.name} ${alice.password}`,
      'CAPABILITY',
      'ID NIL',
      'NAMESPACE',
      'ENABLE CONDSTORE',
      'LIST "" *',
      'LSUB "" *',
      'STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)',
      'SELECT INBOX',
      'CHECK',
      'SEARCH ALL',
      'NONSENSE',
      'CLOSE',
    ];
    for (const command of commands) {
      const result = await client.command(command);
      for (const { text } of result.untagged) t.match(text, /^\* \S+/, `${command}: "${text}"`);
    }
  },
);

await t.test(
  'modern-email/defects#18: OK [CAPABILITY …] after LOGIN, not an untagged line',
  async (t) => {
    const byLogin = await server.connect('tls');
    const login = await byLogin.login(alice.name, alice.password);
    t.match(login.text, /^\[CAPABILITY IMAP4rev1 [^\]]*\bIDLE\b[^\]]*\] /);
    t.same(login.untagged, []);

    const byPlain = await server.connect('tls');
    const secret = Buffer.from(`\0${alice.name}\0${alice.password}`).toString('base64');
    const authenticate = await byPlain.ok(`AUTHENTICATE PLAIN ${secret}`);
    t.match(authenticate.text, /^\[CAPABILITY IMAP4rev1 /);
    t.same(authenticate.untagged, []);
  },
);

await t.test('zone-eu/wildduck#943: the list before login is the real one', async (t) => {
  const client = await server.connect('tls');
  const before = capabilities((await client.ok('CAPABILITY')).untagged[0]?.text);
  const after = capabilities((await client.login(alice.name, alice.password)).text);
  for (const name of ['IDLE', 'UIDPLUS', 'MOVE', 'CONDSTORE', 'SPECIAL-USE', 'NAMESPACE']) {
    t.ok(before.includes(name) && after.includes(name), name);
  }
});

await t.test(
  'Purelymail/purelymail-issues#446: HIGHESTMODSEQ of an empty mailbox is not 0',
  async (t) => {
    const client = await server.login();
    await client.ok('CREATE empty');
    const status = await client.ok('STATUS empty (HIGHESTMODSEQ)');
    t.ok(Number(/HIGHESTMODSEQ (\d+)/.exec(status.untagged[0]?.text ?? '')?.[1]) >= 1);
    const selected = await client.ok('SELECT empty (CONDSTORE)');
    const code = selected.untagged.find(({ text }) => text.includes('[HIGHESTMODSEQ '));
    t.match(code?.text, /^\* OK \[HIGHESTMODSEQ [1-9]\d*\]/);
  },
);

await t.test(
  'Purelymail/purelymail-issues#452: a refused SELECT parameter leaves a usable session',
  async (t) => {
    const client = await server.login();
    const result = await client.command('SELECT INBOX (NONSENSE (1 2 (3)))');
    t.equal(result.status, 'BAD');
    t.equal((await client.command('SELECT INBOX')).status, 'OK');
  },
);

await t.test(
  'Invalid IDLE continuation (iOS): a command where DONE is due ends in a clear answer',
  async (t) => {
    const client = await server.login();
    await client.ok('SELECT INBOX');
    client.send('i IDLE\r\n');
    await readContinuation(client);
    client.send('n NOOP\r\n');
    t.match(
      await client.readTagged('i'),
      { status: 'BAD', text: /DONE.*"n NOOP"/ },
      'IDLE is over',
    );
    client.send('m NOOP\r\n');
    t.equal((await client.readTagged('m')).status, 'OK', 'the session goes on');
  },
);

await t.test('apache/james-project#942: a large UID range costs nothing', async (t) => {
  const client = await server.login();
  await client.ok('CREATE sparse');
  await client.ok('APPEND sparse', plainMessage('one'));
  await client.ok('SELECT sparse');
  const fetched = await client.ok('UID FETCH 1:4294967295 (UID)');
  t.equal(fetched.untagged.length, 1);
});

async function readContinuation(client: ImapClient): Promise<void> {
  let text = '';
  while (!text.startsWith('+')) text = (await client.read()).text;
}

function capabilities(text = ''): readonly string[] {
  return (/CAPABILITY ([^\]]*)/.exec(text)?.[1] ?? '').split(' ');
}
