import t from 'tap';
import {
  maxAccountUntoldMetadata,
  maxUntoldMetadata,
  metadataResponseBytes,
} from '../../../../server/imap/limits.ts';
import { startImapService, texts } from '../../../fixtures/imap-service.ts';

const service = await startImapService(t);

await t.test(
  'who has enabled METADATA is told what others change, and nobody else is',
  async (t) => {
    const [a, b] = await service.newPair();
    const silent = await service.newClient();
    t.same(texts(await a.ok('ENABLE METADATA METADATA-SERVER')), ['* ENABLED METADATA']);
    t.same(texts(await a.ok('ENABLE METADATA')), ['* ENABLED']);
    await b.ok('SETMETADATA INBOX (/private/comment "x" /shared/comment "y")');
    await b.ok('SETMETADATA "" (/private/vendor/a/b "x")');
    t.same(texts(await a.ok('NOOP')), [
      '* METADATA INBOX /private/comment /shared/comment',
      '* METADATA "" /private/vendor/a/b',
    ]);
    t.same(texts(await a.ok('NOOP')), []);
    t.same(texts(await a.ok('SETMETADATA INBOX (/private/comment "z")')), [], 'it knows its own');
    t.same(texts(await silent.ok('NOOP')), []);
    await b.ok('SETMETADATA INBOX (/private/comment "z")');
    t.same(texts(await a.ok('NOOP')), [], 'nothing has changed');
  },
);

await t.test('a client that idles is told at once, with and without a mailbox', async (t) => {
  const [a, b] = await service.newPair();
  await a.ok('ENABLE METADATA');
  for (const begin of ['NOOP', 'SELECT INBOX']) {
    await a.ok(begin);
    a.send('i IDLE\r\n');
    await a.read();
    await b.ok(`SETMETADATA INBOX (/private/comment "${begin}")`);
    t.equal((await a.read()).text, '* METADATA INBOX /private/comment');
    a.send('DONE\r\n');
    t.match(await a.readTagged('i'), { status: 'OK' });
  }
});

await t.test('a change raises the modseq of the mailbox, and tells no message', async (t) => {
  const [a, b] = await service.newPair();
  await a.ok('CREATE m');
  await a.ok('ENABLE QRESYNC');
  const before = texts(await a.ok('SELECT m')).join();
  const first = Number(/HIGHESTMODSEQ (\d+)/.exec(before)?.[1]);
  await b.ok('SETMETADATA m (/private/comment "x")');
  t.same(texts(await a.ok('NOOP')), []);
  t.same(texts(await b.ok('STATUS m (HIGHESTMODSEQ)')), [
    `* STATUS m (HIGHESTMODSEQ ${first + 1})`,
  ]);
  await b.ok('SETMETADATA m (/private/comment "x")');
  t.same(texts(await b.ok('STATUS m (HIGHESTMODSEQ)')), [
    `* STATUS m (HIGHESTMODSEQ ${first + 1})`,
  ]);
  await a.ok('CLOSE');
  const [validity] = /UIDVALIDITY \d+/.exec(before) ?? [];
  const again = texts(await a.ok(`SELECT m (QRESYNC (${validity?.split(' ')[1]} ${first}))`));
  t.match(again.join(), `HIGHESTMODSEQ ${first + 1}`);
  t.notMatch(again.join(), /VANISHED|FETCH/);
});

await t.test('large values come in several responses', async (t) => {
  const a = await service.newClient();
  const value = 'x'.repeat(metadataResponseBytes - 1);
  const names = ['/private/1', '/private/2', '/private/3'];
  for (const name of names) {
    await a.ok(`SETMETADATA INBOX (${name} {${value.length}+}\r\n${value})`);
  }
  const lines = texts(await a.ok('GETMETADATA (DEPTH 1) INBOX /private'));
  t.same(
    lines.filter((line) => line.startsWith('* METADATA')).map((line) => line.slice(0, 33)),
    names.map((name) => `* METADATA INBOX (${name} {163`),
  );
});

await t.test('a client for which too much waits is ended', async (t) => {
  const [a, b] = await service.newPair();
  await a.ok('ENABLE METADATA');
  for (let from = 0; from <= maxUntoldMetadata; from += 50) {
    const names = Array.from({ length: 50 }, (_, at) => `/private/n${from + at}`);
    await b.ok(`SETMETADATA "" (${names.map((name) => `${name} "x"`).join(' ')})`);
    await b.ok(`SETMETADATA "" (${names.map((name) => `${name} NIL`).join(' ')})`);
  }
  const lines = (await a.readToEnd()).map(({ text }) => text);
  t.match(lines, [/^\* BYE \[LIMIT\] Too much metadata/]);
});

await t.test('so are those for whom most waits if it is too much for the account', async (t) => {
  const silentCount = Math.ceil(maxAccountUntoldMetadata / (maxUntoldMetadata - 100)) + 1;
  const login = await service.newAccount();
  const b = await login();
  const silent = await Promise.all(Array.from({ length: silentCount }, () => login()));
  for (const client of silent) await client.ok('ENABLE METADATA');
  for (let from = 0; from < maxUntoldMetadata - 100; from += 50) {
    const names = Array.from({ length: 50 }, (_, at) => `/private/n${from + at}`);
    await b.ok(`SETMETADATA "" (${names.map((name) => `${name} "x"`).join(' ')})`);
    await b.ok(`SETMETADATA "" (${names.map((name) => `${name} NIL`).join(' ')})`);
  }
  for (const client of silent) client.send('a NOOP\r\n');
  const answers = await Promise.all(silent.map(async (client) => (await client.read()).text));
  const ended = answers.filter((text) => text.startsWith('* BYE [LIMIT]'));
  t.equal(ended.length, 2);
  t.ok(answers.every((text) => /^\* (BYE \[LIMIT\]|METADATA) /.test(text)));
});
