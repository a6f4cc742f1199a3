import t from 'tap';
import { type MailStore, StoreError } from '../../../../store/mail-store.ts';
import { messageOf, startImapService, texts } from '../../../fixtures/imap-service.ts';

const multipart = Buffer.from(
  [
    'From: A <a@example.com>',
    'Subject: parts',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'first',
    '--b',
    'Content-Type: application/pdf; name=x.pdf',
    'Content-Transfer-Encoding: base64',
    '',
    'AAAA',
    '--b--',
    '',
  ].join('\r\n'),
);

const sender = '(("A" NIL "a" "example.com"))';
const partHeader =
  'Content-Type: application/pdf; name=x.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n';

const header = `${multipart.toString('latin1').split('\r\n\r\n')[0]}\r\n\r\n`;

const storeMethods: Partial<MailStore> = {};
const { newAccount, store } = await startImapService(t, { storeMethods });

/** A client of an account whose INBOX, which it has selected, has these messages. */
async function selectWith(...messages: readonly Buffer[]) {
  const login = await newAccount();
  const client = await login();
  for (const message of messages) {
    await client.ok('APPEND INBOX () "17-Jul-1996 02:44:25 -0700"', message);
  }
  await client.ok('SELECT INBOX');
  return { login, client };
}

await t.test('FETCH answers each item in the order of the command', async (t) => {
  const { client } = await selectWith(messageOf('hello'));
  await client.ok('ENABLE CONDSTORE');
  t.same(texts(await client.ok('FETCH 1 (UID RFC822.SIZE INTERNALDATE FLAGS MODSEQ)')), [
    `* 1 FETCH (UID 1 RFC822.SIZE ${messageOf('hello').length} INTERNALDATE "17-Jul-1996 02:44:25 -0700" FLAGS (\\Recent) MODSEQ (2))`,
  ]);
  t.same(texts(await client.ok('FETCH 1 ENVELOPE')), [
    `* 1 FETCH (ENVELOPE (NIL "hello" ${sender} ${sender} ${sender} NIL NIL NIL NIL NIL))`,
  ]);
  t.same(texts(await client.ok('FETCH 1 BODY')), [
    '* 1 FETCH (BODY ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 15 1))',
  ]);
});

await t.test('several messages are answered as each by itself', async (t) => {
  const header = 'From: A <a@example.com>\r\nSubject: ';
  const mail = [0, 10, 900, 5_000, 17_000, 30_000, 64_000, 66_000, 300_000].map((size) =>
    Buffer.from(`${header}${size}\r\n\r\n${'text\r\n'.repeat(size / 6)}`),
  );
  const { client } = await selectWith(
    ...mail,
    multipart,
    multipart,
    Buffer.from('a\0b\r\n\r\nc\0d'),
  );
  await client.ok('STORE 1:* +FLAGS.SILENT (\\Seen)');
  for (const items of [
    'BODY.PEEK[]',
    '(BODY.PEEK[] FLAGS BODY.PEEK[1] BODY.PEEK[TEXT]<2.50> BODY.PEEK[HEADER.FIELDS (From)])',
    '(RFC822.HEADER RFC822 UID RFC822.SIZE)',
    '(UID BODY.PEEK[1])',
  ]) {
    const alone: string[] = [];
    for (let number = 1; number <= 12; number++) {
      alone.push(...texts(await client.ok(`FETCH ${number} ${items}`)));
    }
    t.equal(alone.length, 12);
    t.ok(alone[8]!.length > 300_000 || !items.includes('BODY.PEEK[]'));
    const together = texts(await client.ok(`FETCH 1:12 ${items}`));
    t.ok(together.join('\n') === alone.join('\n'), items);
  }
});

await t.test('sections, partial sections and what does not exist', async (t) => {
  const { client } = await selectWith(multipart);
  const fetched = async (items: string): Promise<string | undefined> =>
    texts(await client.ok(`FETCH 1 ${items}`))[0];
  t.equal(await fetched('BODY.PEEK[1]'), '* 1 FETCH (BODY[1] {5}first)');
  t.equal(await fetched('BODY.PEEK[1]<1.3>'), '* 1 FETCH (BODY[1]<1> {3}irs)');
  t.equal(await fetched('BODY.PEEK[1]<9.3>'), '* 1 FETCH (BODY[1]<9> {0})');
  t.equal(await fetched('BODY.PEEK[3]'), '* 1 FETCH (BODY[3] NIL)');
  t.equal(
    await fetched('BODY.PEEK[2.MIME]'),
    `* 1 FETCH (BODY[2.MIME] {${partHeader.length}}${partHeader})`,
  );
  t.equal(
    await fetched('BODY.PEEK[HEADER.FIELDS (subject)]'),
    '* 1 FETCH (BODY[HEADER.FIELDS (subject)] {18}Subject: parts\r\n\r\n)',
  );
  t.equal(await fetched('RFC822.HEADER'), `* 1 FETCH (RFC822.HEADER {${header.length}}${header})`);
  t.equal(
    await fetched('BODY.PEEK[]'),
    `* 1 FETCH (BODY[] {${multipart.length}}${multipart.toString('latin1')})`,
  );
  t.match(await client.command('FETCH 1 BODY[0]'), { status: 'BAD' });
});

await t.test('NUL goes out as 0x80, and sizes stay', async (t) => {
  const { client } = await selectWith(Buffer.from('Subject: a\0b\r\n\r\nc\0d\r\n'));
  const fetched = async (items: string): Promise<string | undefined> =>
    texts(await client.ok(`FETCH 1 ${items}`))[0];
  t.equal(
    await fetched('(RFC822.SIZE BODY.PEEK[])'),
    '* 1 FETCH (RFC822.SIZE 21 BODY[] {21}Subject: a\x80b\r\n\r\nc\x80d\r\n)',
  );
  t.equal(
    await fetched('BODY.PEEK[HEADER.FIELDS (subject)]'),
    '* 1 FETCH (BODY[HEADER.FIELDS (subject)] {16}Subject: a\x80b\r\n\r\n)',
  );
  t.equal(await fetched('BODY.PEEK[TEXT]<1.2>'), '* 1 FETCH (BODY[TEXT]<1> {2}\x80d)');
  t.notMatch(await fetched('(ENVELOPE BODYSTRUCTURE)'), /\0/);
});

await t.test('reading a body sets \\Seen and says so, PEEK does not', async (t) => {
  const { client } = await selectWith(messageOf('one'));
  t.notMatch(texts(await client.ok('FETCH 1 BODY.PEEK[TEXT]'))[0], /FLAGS/);
  t.match(texts(await client.ok('FETCH 1 BODY[TEXT]'))[0], / FLAGS \(\\Recent \\Seen\)\)$/);
  t.notMatch(texts(await client.ok('FETCH 1 BODY[TEXT]'))[0], /FLAGS/, 'nothing changed');
  t.same(texts(await client.ok('NOOP')), [], 'the client knows already');
});

await t.test('UID FETCH answers with the UID and passes over UIDs that do not exist', async (t) => {
  const { client } = await selectWith(messageOf('one'), messageOf('two'));
  t.same(texts(await client.ok('UID FETCH 2:7 RFC822.SIZE')), ['* 2 FETCH (UID 2 RFC822.SIZE 54)']);
  t.same(texts(await client.ok('UID FETCH 9:* (UID)')), ['* 2 FETCH (UID 2)'], '* is the last');
  t.same(texts(await client.ok('UID FETCH 5:6 (UID)')), []);
});

await t.test('a sequence number that no message has is refused by name', async (t) => {
  const { client } = await selectWith(messageOf('one'));
  t.match(await client.command('FETCH 1:3 FLAGS'), { status: 'BAD', text: /number 3/ });
  await client.ok('FETCH 1:* FLAGS');
});

await t.test('CHANGEDSINCE answers only what changed, with its modseq', async (t) => {
  const { client } = await selectWith(messageOf('one'), messageOf('two'));
  const { text } = (await client.ok('UID FETCH 1:* MODSEQ')).untagged.at(-1) ?? { text: '' };
  const modseq = Number(/MODSEQ \((\d+)\)/.exec(text)?.[1]);
  t.same(texts(await client.ok(`UID FETCH 1:* FLAGS (CHANGEDSINCE ${modseq})`)), []);
  await client.ok('STORE 1 +FLAGS.SILENT (\\Flagged)');
  t.same(texts(await client.ok(`FETCH 1:* FLAGS (CHANGEDSINCE ${modseq})`)), [
    `* 1 FETCH (FLAGS (\\Recent \\Flagged) MODSEQ (${modseq + 1}))`,
  ]);
});

await t.test(
  'a message that another session removed is reported, and the numbers hold',
  async (t) => {
    const { client, login } = await selectWith(messageOf('one'), messageOf('two'));
    const other = await login();
    await other.ok('SELECT INBOX');
    await other.ok('STORE 1 +FLAGS (\\Deleted)');
    await other.ok('EXPUNGE');
    const fetched = await client.command('FETCH 1:2 (UID)');
    t.match(fetched, { status: 'OK', text: /^\[EXPUNGEISSUED\]/ });
    t.same(texts(fetched), ['* 2 FETCH (UID 2)']);
    t.same(texts(await client.ok('NOOP')), ['* 1 EXPUNGE']);
    t.same(texts(await client.ok('FETCH 1 (UID)')), ['* 1 FETCH (UID 2)']);
  },
);

await t.test('what was set of \\Seen over several slices is told once', async (t) => {
  const fail = { failure: undefined as Error | undefined };
  // As if each message were a slice, and what is behind the second one failed.
  storeMethods.storeFlags = async (box, uids, change) => {
    const first = await store.storeFlags(box, uids.subarray(0, 1), change);
    const second = await store.storeFlags(box, uids.subarray(1, 2), change);
    return {
      ...second,
      earlierModseqs: [first.modseq!],
      changedUids: uids.slice(0, 2),
      ...(fail.failure && { failure: fail.failure }),
    };
  };
  t.teardown(() => delete storeMethods.storeFlags);
  for (const [failure, status] of [
    [undefined, 'OK'],
    [new StoreError('OVERQUOTA', 'The disk is full'), 'OK'],
    [new StoreError('CORRUPTION', 'The mail store is damaged'), 'NO'],
  ] as const) {
    const { client } = await selectWith(messageOf('a'), messageOf('b'), messageOf('c'));
    fail.failure = failure;
    const result = await client.command('FETCH 1:3 BODY[TEXT]');
    t.equal(result.status, status);
    const told = result.untagged.map(({ text }) => [
      text.split(' ', 2)[1],
      text.includes('\\Seen'),
    ]);
    const expected = [
      ['1', true],
      ['2', true],
      ['3', false],
    ];
    t.same(told, status === 'OK' ? expected : expected.slice(0, 2), `${failure?.message}`);
  }
});
