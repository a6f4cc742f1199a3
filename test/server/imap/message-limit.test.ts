// MESSAGELIMIT and SAVELIMIT (RFC 9738) with a limit of three messages, for each command that has one and some that have none.
import t from 'tap';
import type { ImapClient } from '../../fixtures/imap-client.ts';
import { appendMessages, startImapService, texts } from '../../fixtures/imap-service.ts';

const limits = { messageLimit: 3 };
const { newClient, newPair } = await startImapService(t, {
  limits,
  capabilitiesOff: new Set(['SAVELIMIT']),
});
const { newClient: newSavingClient } = await startImapService(t, {
  limits,
  capabilitiesOff: new Set(['MESSAGELIMIT']),
});
const { newClient: newFreeClient } = await startImapService(t, { limits });

/** A client with INBOX selected, which has so many messages, with the UIDs from 1 on. */
async function withMessages(client: ImapClient, count: number): Promise<ImapClient> {
  const subjects = Array.from({ length: count }, (_, index) => `message ${index + 1}`);
  await appendMessages(client, 'INBOX', ...subjects);
  await client.ok('SELECT INBOX');
  return client;
}

/** What a command is answered with: the untagged responses, and status and code of the tagged one. */
async function answer(client: ImapClient, command: string): Promise<string[]> {
  const result = await client.command(command);
  const code = /^\[[^\]]*\]/.exec(result.text)?.[0] ?? '';
  return [...texts(result), `${result.status} ${code}`.trim()];
}

await t.test('the limit is announced', async (t) => {
  t.match(texts(await (await newClient()).ok('CAPABILITY')), [/ MESSAGELIMIT=3 (?!.*SAVELIMIT)/]);
  t.match(texts(await (await newSavingClient()).ok('CAPABILITY')), [
    /^(?!.*MESSAGELIMIT).* SAVELIMIT=3 /,
  ]);
  t.notMatch(texts(await (await newFreeClient()).ok('CAPABILITY')), [/LIMIT=3/]);
});

await t.test('FETCH answers of the newest messages', async (t) => {
  const client = await withMessages(await newClient(), 5);
  t.same(await answer(client, 'FETCH 1:5 (UID)'), [
    '* 3 FETCH (UID 3)',
    '* 4 FETCH (UID 4)',
    '* 5 FETCH (UID 5)',
    'OK [MESSAGELIMIT 3 3]',
  ]);
  t.same(await answer(client, 'UID FETCH 1:2 (UID)'), [
    '* 1 FETCH (UID 1)',
    '* 2 FETCH (UID 2)',
    'OK',
  ]);
  t.same(await answer(client, 'UID FETCH 5,4,3,1:2 (UID RFC822.SIZE)'), [
    '* 3 FETCH (UID 3 RFC822.SIZE 66)',
    '* 4 FETCH (UID 4 RFC822.SIZE 66)',
    '* 5 FETCH (UID 5 RFC822.SIZE 66)',
    'OK [MESSAGELIMIT 3 3]',
  ]);
  t.same((await answer(client, 'UID FETCH 1:3 (UID)')).at(-1), 'OK', 'as many as it may');
});

await t.test('of CHANGEDSINCE and PARTIAL those count that are asked for', async (t) => {
  const client = await withMessages(await newClient(), 6);
  const [told = ''] = await answer(client, 'UID FETCH 6 (MODSEQ)');
  const highest = Number(/HIGHESTMODSEQ (\d+)/.exec(told)?.[1]);
  await client.ok('UID STORE 1,3 +FLAGS.SILENT (\\Flagged)');
  const since = `(FLAGS) (CHANGEDSINCE ${highest})`;
  t.match(await answer(client, `UID FETCH 1:* ${since}`), [/^\* 1 /, /^\* 3 /, 'OK']);
  await client.ok('UID STORE 5:6 +FLAGS.SILENT (\\Flagged)');
  t.match(await answer(client, `UID FETCH 1:* ${since}`), [
    /^\* 3 /,
    /^\* 5 /,
    /^\* 6 /,
    'OK [MESSAGELIMIT 3 3]',
  ]);
  t.match(await answer(client, `UID FETCH 1:2 ${since}`), [/^\* 1 /, 'OK']);
  t.same(await answer(client, 'UID FETCH 1:* (UID) (PARTIAL -1:-4)'), ['NO [MESSAGELIMIT 3]']);
  t.match(await answer(client, 'UID FETCH 1:* (UID) (PARTIAL 1:3)'), [
    /^\* 1 /,
    /^\* 2 /,
    /^\* 3 /,
    'OK',
  ]);
});

await t.test('EXPUNGEISSUED goes first', async (t) => {
  const [client, other] = await newPair();
  await withMessages(client, 5);
  await other.ok('SELECT INBOX');
  await other.ok('STORE 4 +FLAGS.SILENT (\\Deleted)');
  await other.ok('EXPUNGE');
  t.same(await answer(client, 'FETCH 1:5 (UID)'), [
    '* 3 FETCH (UID 3)',
    '* 5 FETCH (UID 5)',
    '* NO [MESSAGELIMIT 3 3] Only the newest messages were looked at',
    'OK [EXPUNGEISSUED]',
  ]);
});

await t.test('STORE changes the newest messages', async (t) => {
  const client = await withMessages(await newClient(), 5);
  t.same(await answer(client, 'UID STORE 1:* FLAGS.SILENT (x)'), ['OK [MESSAGELIMIT 3 3]']);
  t.same(texts(await client.ok('UID SEARCH KEYWORD x')), ['* SEARCH 3 4 5']);
  t.same(await answer(client, 'UID STORE 1:2 FLAGS.SILENT (x)'), ['OK']);
  const modified = await answer(client, 'UID STORE 1:* (UNCHANGEDSINCE 1) +FLAGS (y)');
  t.match(modified.slice(-2), [/^\* NO \[MESSAGELIMIT 3 3\]/, 'OK [MODIFIED 3:5]']);
});

await t.test('SEARCH looks at the newest messages that it is about', async (t) => {
  const client = await withMessages(await newClient(), 6);
  for (const [criteria, found, code] of [
    ['ALL', ' 4 5 6', ' [MESSAGELIMIT 3 4]'],
    ['SEEN SUBJECT message', ' 4 5 6', ' [MESSAGELIMIT 3 4]'],
    ['FLAGGED', '', ' [MESSAGELIMIT 3 4]'],
    ['UID 1:3', ' 1 2 3', ''],
    ['UID 1:3 SUBJECT 2', ' 2', ''],
    ['SUBJECT 2 2:5', '', ' [MESSAGELIMIT 3 3]'],
    ['(UID 1:5 (UID 2:9)) SEEN', ' 3 4 5', ' [MESSAGELIMIT 3 3]'],
    ['UID 1:2 UID 5:6', '', ''],
    ['1:2,5 UID 2:6', ' 2 5', ''],
    [`${'1:* UID 1:* '.repeat(500)}ALL`, ' 4 5 6', ' [MESSAGELIMIT 3 4]'],
    ['OR UID 1 UID 2', '', ' [MESSAGELIMIT 3 4]'],
    ['UIDBEFORE 4', ' 1 2 3', ''],
    ['UIDBEFORE 1', '', ''],
    ['UIDAFTER 3', ' 4 5 6', ''],
    ['UIDAFTER 6', '', ''],
    ['UIDAFTER 4294967295', '', ''],
    ['UID 7:*', ' 6', ''],
  ] as const) {
    t.same(
      await answer(client, `UID SEARCH ${criteria}`),
      [`* SEARCH${found}`, `OK${code}`],
      criteria,
    );
  }
  t.same(await answer(client, 'SEARCH RETURN (SAVE) ALL'), ['OK [MESSAGELIMIT 3 4]']);
  t.same(await answer(client, 'UID SEARCH $'), ['* SEARCH 4 5 6', 'OK']);
  t.same(await answer(client, 'UID SEARCH $ 1:5 $'), ['* SEARCH 4 5', 'OK']);
  t.match(await answer(client, 'UID SEARCH RETURN (PARTIAL -1:-2 COUNT) ALL'), [
    / PARTIAL \(-1:-2 5:6\) COUNT 3$/,
    'OK [MESSAGELIMIT 3 4]',
  ]);
});

await t.test('SORT and THREAD of more are refused', async (t) => {
  const client = await withMessages(await newClient(), 5);
  t.same(await answer(client, 'SORT (ARRIVAL) UTF-8 ALL'), ['NO [MESSAGELIMIT 3]']);
  t.same(await answer(client, 'UID SORT (REVERSE SUBJECT) UTF-8 UID 2:4'), ['* SORT 4 3 2', 'OK']);
  t.same(await answer(client, 'THREAD REFERENCES UTF-8 SEEN'), ['NO [MESSAGELIMIT 3]']);
  t.same(await answer(client, 'UID THREAD ORDEREDSUBJECT UTF-8 5'), ['* THREAD (5)', 'OK']);
});

await t.test('COPY of more copies nothing, MOVE moves the newest', async (t) => {
  const client = await withMessages(await newClient(), 5);
  await client.ok('CREATE target');
  t.same(await answer(client, 'UID COPY 1:4 target'), ['NO [MESSAGELIMIT 3 2]']);
  t.match(await answer(client, 'STATUS target (MESSAGES)'), [/MESSAGES 0/, 'OK']);
  t.match(await answer(client, 'COPY 1:3 target'), [/^OK \[COPYUID \d+ 1:3 1:3\]$/]);
  t.match(await answer(client, 'MOVE 1:* target'), [
    /^\* OK \[COPYUID \d+ 3:5 4:6\]/,
    '* 3 EXPUNGE',
    '* 3 EXPUNGE',
    '* 3 EXPUNGE',
    'OK [MESSAGELIMIT 3 3]',
  ]);
  t.match((await answer(client, 'MOVE 1:* target')).at(-1), 'OK');
  t.match(await answer(client, 'STATUS INBOX (MESSAGES)'), [/MESSAGES 0/, 'OK']);
});

await t.test(
  'of UID EXPUNGE deleted messages count; EXPUNGE and CLOSE have no limit',
  async (t) => {
    const client = await withMessages(await newClient(), 9);
    await client.ok('UID STORE 1:3 +FLAGS.SILENT (\\Deleted)');
    t.match(await answer(client, 'UID EXPUNGE 2:9'), ['* 2 EXPUNGE', '* 2 EXPUNGE', 'OK']);
    await client.ok('UID STORE 4:6 +FLAGS.SILENT (\\Deleted)');
    t.match(await answer(client, 'UID EXPUNGE 1:*'), [
      '* 2 EXPUNGE',
      '* 2 EXPUNGE',
      '* 2 EXPUNGE',
      'OK [MESSAGELIMIT 3 4]',
    ]);
    await client.ok('ENABLE QRESYNC');
    await client.ok('UID STORE 7:9 +FLAGS.SILENT (\\Deleted)');
    t.match(await answer(client, 'UID EXPUNGE 1:9'), [
      '* NO [MESSAGELIMIT 3 7] Only the newest messages were looked at',
      '* VANISHED 7:9',
      /^OK \[HIGHESTMODSEQ \d+\]$/,
    ]);
    const other = await withMessages(await newClient(), 9);
    for (const set of ['1:3', '4:6']) await other.ok(`STORE ${set} +FLAGS.SILENT (\\Deleted)`);
    t.equal((await answer(other, 'EXPUNGE')).filter((line) => line.endsWith(' EXPUNGE')).length, 6);
    for (const set of ['1:2', '3']) await other.ok(`STORE ${set} +FLAGS.SILENT (\\Deleted)`);
    await other.ok('CLOSE');
    t.match(await answer(other, 'STATUS INBOX (MESSAGES)'), [/MESSAGES 0/, 'OK']);
  },
);

await t.test('an APPEND of more adds nothing', async (t) => {
  const message = 'Subject: x\r\n\r\nx\r\n';
  const append = (count: number) =>
    `APPEND INBOX${` {${message.length}+}\r\n${message}`.repeat(count)}`;
  for (const newOne of [newClient, newSavingClient]) {
    const client = await newOne();
    t.same(await answer(client, append(4)), ['NO [MESSAGELIMIT 3]']);
    t.match(await answer(client, 'STATUS INBOX (MESSAGES)'), [/MESSAGES 0/, 'OK']);
    t.match(await answer(client, append(3)), [/^OK \[APPENDUID \d+ 1:3\]$/]);
  }
});

await t.test('SAVELIMIT limits COPY and APPEND only', async (t) => {
  const client = await withMessages(await newSavingClient(), 5);
  t.same(await answer(client, 'COPY 1:4 INBOX'), ['NO [MESSAGELIMIT 3 2]']);
  t.equal((await answer(client, 'FETCH 1:* (UID)')).at(-1), 'OK');
  t.same(await answer(client, 'SEARCH ALL'), ['* SEARCH 1 2 3 4 5', 'OK']);
  t.match(await client.command('SEARCH UIDAFTER 1'), { status: 'BAD' });
  t.same(await answer(client, 'STORE 1:5 FLAGS.SILENT (\\Deleted)'), ['OK']);
  t.equal((await answer(client, 'UID EXPUNGE 1:5')).length, 6);
});

await t.test('without both there is no limit', async (t) => {
  const client = await withMessages(await newFreeClient(), 5);
  t.equal((await answer(client, 'FETCH 1:* (UID)')).length, 6);
  t.match((await answer(client, 'COPY 1:4 INBOX')).at(-1), /^OK \[COPYUID/);
  t.match(await client.command('SEARCH UIDBEFORE 4'), { status: 'BAD' });
});

await t.test('what changed meanwhile is told whole to a client that comes back', async (t) => {
  const client = await newClient();
  await client.ok('ENABLE QRESYNC');
  await withMessages(client, 6);
  const { untagged } = await client.ok('SELECT INBOX');
  const told = texts({ untagged }).join('\n');
  const validity = /UIDVALIDITY (\d+)/.exec(told)?.[1];
  const modseq = /HIGHESTMODSEQ (\d+)/.exec(told)?.[1];
  for (const set of ['1:3', '4:6']) await client.ok(`UID STORE ${set} +FLAGS.SILENT (x)`);
  const lines = texts(await client.ok(`SELECT INBOX (QRESYNC (${validity} ${modseq}))`));
  t.equal(lines.filter((line) => line.includes(' FETCH ')).length, 6);
});
