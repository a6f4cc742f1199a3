import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { once } from 'node:events';
import { ImapFlow } from 'imapflow';
import t from 'tap';
import { startTestServer } from '../../server/testing.ts';
import { ImapClient } from '../fixtures/imap-client.ts';

await t.test('the example of its documentation works, with the certificate checked', async (t) => {
  const server = await startTestServer({ accounts: { alice: 'secret' } });
  await server.addMessage({ account: 'alice', message: 'Subject: Hello\n\nHi!\n' });
  const client = new ImapFlow({
    host: 'localhost',
    port: server.imapsPort,
    secure: true,
    tls: { ca: server.certificate },
    auth: { user: 'alice', pass: 'secret' },
    logger: false,
  });
  await client.connect();
  const mailbox = await client.mailboxOpen('INBOX');
  t.equal(mailbox.exists, 1);
  const message = await client.fetchOne('1', { envelope: true, source: true });
  t.match(message, { envelope: { subject: 'Hello' } });
  t.equal(message && message.source?.toString(), 'Subject: Hello\r\n\r\nHi!\r\n');
  await client.logout();
  await server.stop();
  await t.rejects(once(connect({ host: '127.0.0.1', port: server.imapsPort }), 'secureConnect'));
});

await t.test('messages go where they are put, as they are', async (t) => {
  const server = await startTestServer({ accounts: { alice: 'secret' } });
  t.teardown(() => server.stop());
  await server.addAccount('bob', 'other');
  const internalDate = new Date('2024-03-05T12:00:00Z');
  const added = await server.addMessage({
    account: 'bob',
    mailbox: 'Old/2024',
    message: Buffer.from('A: b\n\nbare\n'),
    flags: ['\\Seen'],
    internalDate,
  });
  t.equal(added.uid, 1);
  const client = await ImapClient.connect({ port: server.imapPort, security: 'starttls' });
  await client.login('bob', 'other');
  await client.ok('SELECT Old/2024');
  const [fetched] = (await client.ok('FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE)')).untagged;
  t.match(fetched?.text, '\\Seen');
  t.match(fetched?.text, '" 5-Mar-2024 12:00:00 +0000"');
  t.match(fetched?.text, `RFC822.SIZE ${'A: b\n\nbare\n'.length}`);
  await client.logout();
  await t.rejects(server.addMessage({ account: 'carol', message: '' }), { code: 'NONEXISTENT' });
});

await t.test('the store on disk, which goes with the server', async (t) => {
  // Not the directory of the test: the path of a socket has about a hundred bytes.
  const directory = await mkdtemp(join(tmpdir(), 't-'));
  t.teardown(() => rmdir(directory));
  const { TMPDIR: before } = process.env;
  process.env['TMPDIR'] = directory;
  t.teardown(() => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  });
  const server = await startTestServer({ accounts: { alice: 'secret' }, store: 'sqlite' });
  t.teardown(() => server.stop());
  await server.addMessage({ account: 'alice', message: 'Subject: Hello\n\n' });
  t.match(await readdir(directory), [/^reprise-testing-/]);
  await server.stop();
  t.same(await readdir(directory), []);
});

await t.test('many at a time, and nothing is left of them', async (t) => {
  const servers = await Promise.all([1, 2, 3].map(() => startTestServer()));
  t.equal(new Set(servers.map((server) => server.imapsPort)).size, 3);
  for (const server of servers) await server.stop();
  {
    await using server = await startTestServer();
    t.ok(server.imapPort > 0);
  }
  t.notOk(existsSync('data'), 'nothing in the working directory');
});
