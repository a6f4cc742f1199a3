import t from 'tap';
import { StoreError } from '../../../store/mail-store.ts';
import type { ImapClient } from '../../fixtures/imap-client.ts';
import { appendMessages, messageOf, startImapService, texts } from '../../fixtures/imap-service.ts';

const service = await startImapService(t);
let mailboxCount = 0;

/** A mailbox of its own with this many messages, and two clients that have selected it. */
async function twoClients(messageCount: number): Promise<{
  readonly name: string;
  readonly a: ImapClient;
  readonly b: ImapClient;
}> {
  const name = `m${++mailboxCount}`;
  const [a, b] = [await service.login(), await service.login()];
  await a.ok(`CREATE ${name}`);
  for (let index = 1; index <= messageCount; index++) await appendMessages(a, name, `s${index}`);
  await a.ok(`SELECT ${name}`);
  await b.ok(`SELECT ${name}`);
  return { name, a, b };
}

/** What NOOP tells. */
const noop = async (client: ImapClient) => texts(await client.ok('NOOP'));

await t.test('a STORE without effect hides no change of another session', async (t) => {
  const { a, b } = await twoClients(2);
  await b.ok('STORE 1 +FLAGS (\\Flagged)');
  const told = [...texts(await a.ok('STORE 2 +FLAGS (\\Seen)')), ...(await noop(a))];
  t.equal(told.filter((line) => /^\* 1 FETCH .*\\Flagged/.test(line)).length, 1);
});

await t.test('the change of another is told under STORE itself, silent or not', async (t) => {
  const { a, b } = await twoClients(3);
  await b.ok('STORE 1 +FLAGS (\\Flagged)');
  t.match(texts(await a.ok('STORE 2 +FLAGS (\\Seen)')), [
    /^\* 2 FETCH/,
    /^\* 1 FETCH \(UID 1 FLAGS \(.*\\Flagged.*\)\)$/,
  ]);
  await b.ok('STORE 2 +FLAGS (\\Flagged)');
  t.match(
    texts(await a.ok('STORE 1:3 +FLAGS.SILENT (\\Answered)')),
    [/^\* 2 FETCH \(FLAGS \(.*\\Answered.*\\Flagged.*\)\)$/],
    'the client could not tell the flags of the second by itself',
  );
  t.same(await noop(a), []);
});

await t.test('what is gone elsewhere is passed over by COPY, MOVE, STORE and FETCH', async (t) => {
  const { a, b } = await twoClients(4);
  await b.ok('STORE 2 +FLAGS.SILENT (\\Deleted)');
  await b.ok('EXPUNGE');
  const stored = await a.ok('STORE 1:3 +FLAGS.SILENT (\\Flagged)');
  t.same(texts(stored), [], 'STORE takes what is left, and answers OK');
  const fetched = await a.ok('FETCH 1:3 (UID)');
  t.match(fetched.text, /^\[EXPUNGEISSUED\]/, 'FETCH is OK, and says so');
  t.same(texts(fetched), ['* 1 FETCH (UID 1)', '* 3 FETCH (UID 3)']);
  t.same(
    texts(await a.ok('SEARCH 1:100')),
    ['* SEARCH 1 3 4'],
    'what is beyond the mailbox is no error',
  );
  const copied = await a.ok('COPY 1:3 Archive');
  t.match(copied.text, /^\[COPYUID \d+ 1,3 \d+:\d+\]/, 'COPY takes what is left');
  await b.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await b.ok('EXPUNGE');
  t.match(texts(await a.ok('MOVE 1:2 Trash')), [/^\* OK \[COPYUID \d+ 3 \d+\]/, /^\* 1 EXPUNGE$/]);
  t.same(await noop(a), []);
  t.same(texts(await a.ok('FETCH 1:* (UID)')), ['* 1 FETCH (UID 4)']);
});

await t.test('a FETCH that sets \\Seen tells the modseq', async (t) => {
  const { a } = await twoClients(0);
  await a.ok(`APPEND m${mailboxCount}`, messageOf('unseen'));
  await a.ok('ENABLE CONDSTORE');
  const [line] = texts(await a.ok('FETCH 1 (BODY[TEXT])'));
  t.match(line, /FLAGS \(.*\\Seen\) MODSEQ \(\d+\)\)$/);
  t.same(await noop(a), []);
});

await t.test('EXISTS and flags need not wait for a command that forbids EXPUNGE', async (t) => {
  const { a, b, name } = await twoClients(2);
  await b.ok('STORE 1 +FLAGS.SILENT (\\Flagged)');
  await b.ok('STORE 2 +FLAGS.SILENT (\\Deleted)');
  await b.ok('EXPUNGE');
  await appendMessages(b, name, 'new');
  t.match(texts(await a.ok('FETCH 1 (UID)')), [
    '* 1 FETCH (UID 1)',
    '* 3 EXISTS',
    /RECENT$/,
    /^\* 1 FETCH \(UID 1 FLAGS \(.*\\Flagged.*\)\)$/,
  ]);
  t.same(await noop(a), ['* 2 EXPUNGE']);
});

await t.test('an idling client hears the last of many quick changes', async (t) => {
  const { a, b } = await twoClients(1);
  a.send('i IDLE\r\n');
  await a.read();
  const stores = Array.from(
    { length: 200 },
    (_, index) => `s${index} STORE 1 FLAGS.SILENT (k${index % 7} n${index % 2})`,
  );
  b.send(`${stores.join('\r\n')}\r\n`);
  await b.readTagged('s199');
  const last = /\bn1 k3\)/;
  for (;;) if (last.test((await a.read()).text)) break;
  await b.ok('STORE 1 FLAGS.SILENT (end)');
  for (;;) if (/\bend\)/.test((await a.read()).text)) break;
  a.send('DONE\r\n');
  t.match(await a.readTagged('i'), { status: 'OK' });
});

await t.test('a session whose mailbox is deleted is told so', async (t) => {
  const { a, b, name } = await twoClients(1);
  await b.ok('SELECT INBOX');
  await b.ok(`DELETE ${name}`);
  a.send('x STORE 1 +FLAGS (\\Seen)\r\n');
  const [bye] = (await a.readToEnd()).filter(({ text }) => text.startsWith('* BYE'));
  t.match(bye?.text, /deleted/);
});

await t.test('a COPY whose target vanishes asks for it to be created', async (t) => {
  const { login } = await startImapService(t, {
    storeMethods: {
      async copyMessages() {
        throw new StoreError('NONEXISTENT', 'The mailbox does not exist');
      },
    },
  });
  const client = await login();
  await appendMessages(client, 'INBOX', 'one');
  await client.ok('SELECT INBOX');
  t.match(await client.command('COPY 1 Archive'), { status: 'NO', text: /^\[TRYCREATE\]/ });
});

await t.test(
  'a SELECT costs no write, and none that fails leaves a mailbox selected',
  async (t) => {
    let isFull = false;
    const { login, store } = await startImapService(t, {
      storeMethods: {
        async claimRecent() {
          throw new Error('database or disk is full');
        },
        async readStatus(...parts) {
          if (isFull) throw new Error('disk I/O error');
          return store.readStatus(...parts);
        },
      },
    });
    const client = await login();
    await client.ok('SELECT INBOX');
    isFull = true;
    t.match(await client.command('SELECT Archive'), { status: 'NO' });
    t.match(await client.command('FETCH 1 FLAGS'), { status: 'BAD' }, 'nothing is selected');
  },
);

await t.test('SELECT describes the mailbox as it is, also if it changes meanwhile', async (t) => {
  let meanwhile = async (): Promise<unknown> => undefined;
  const { login } = await startImapService(t, {
    storeMethods: {
      async claimRecent() {
        await meanwhile();
        return { firstUid: 1, nextUid: 1 };
      },
    },
  });
  const [client, other] = [await login(), await login()];
  await appendMessages(client, 'INBOX', 'one', 'two');
  await client.ok('APPEND INBOX', messageOf('unseen'));
  await other.ok('SELECT INBOX');
  await other.ok('STORE 1:2 +FLAGS.SILENT (\\Deleted)');
  // As if the mailbox had not been claimed.
  await client.ok('APPEND INBOX', messageOf('another'));
  meanwhile = () => other.ok('EXPUNGE');
  const lines = texts(await client.ok('SELECT INBOX'));
  t.ok(lines.includes('* 2 EXISTS'), lines.join());
  t.ok(
    lines.some((line) => line.startsWith('* OK [UNSEEN 1]')),
    lines.join(),
  );
});

await t.test('a response that cannot be finished ends the connection', async (t) => {
  const { login } = await startImapService(t, {
    storeMethods: {
      // oxlint-disable-next-line require-yield -- it fails before
      async *readBody() {
        throw new Error('disk I/O error');
      },
    },
  });
  const client = await login();
  await appendMessages(client, 'INBOX', 'one');
  await client.ok('SELECT INBOX');
  client.send('f FETCH 1 (BODY.PEEK[TEXT])\r\n');
  const rest = await client.readToEnd();
  t.notOk(rest.some(({ text }) => /\bNO\b|\bBAD\b|\bOK\b/.test(text)));
});

await t.test(
  'sessions of a mailbox read the store once for a change, however many they are',
  async (t) => {
    let readCount = 0;
    const count = <Arguments extends unknown[], Result>(method: (...args: Arguments) => Result) =>
      function counted(this: unknown, ...args: Arguments): Result {
        readCount += 1;
        return method.apply(this, args);
      };
    const methods: Record<string, unknown> = {};
    const { login, store } = await startImapService(t, { storeMethods: methods });
    for (const name of ['open', 'readStates', 'readChanges', 'rows'] as const) {
      methods[name] = count(store[name] as (...args: unknown[]) => unknown);
    }
    const clients = await Promise.all(Array.from({ length: 6 }, () => login()));
    for (const client of clients) await client.ok('SELECT INBOX');
    t.equal(readCount, 1, 'opened, once, and nobody has needed a message');
    await appendMessages(clients[0]!, 'INBOX', 'one', 'two');
    await clients[0]!.ok('STORE 1:* +FLAGS (\\Seen)');
    for (const client of clients) await client.ok('NOOP');
    await Promise.all(clients.map((client) => client.ok('FETCH 1:* (UID FLAGS)')));
    t.equal(readCount, 2, 'read, once; events say the rest');
  },
);

await t.test('a saved search stays true while another session expunges', async (t) => {
  const { a, b } = await twoClients(6);
  await a.ok('SEARCH RETURN (SAVE) 2:5');
  await b.ok('STORE 1,3 +FLAGS.SILENT (\\Deleted)');
  await b.ok('EXPUNGE');
  t.match(await a.ok('FETCH $ UID'), {
    untagged: [/^\* 2 FETCH/, /^\* 4 FETCH/, /^\* 5 FETCH/].map((text) => ({ text })),
    text: /^\[EXPUNGEISSUED\]/,
  });
  await noop(a);
  t.same(texts(await a.ok('SEARCH $')), ['* SEARCH 1 2 3'], 'by other numbers');
  t.same(texts(await a.ok('FETCH $ UID')), [
    '* 1 FETCH (UID 2)',
    '* 2 FETCH (UID 4)',
    '* 3 FETCH (UID 5)',
  ]);
  t.same(texts(await a.ok('UID SEARCH NOT UID $')), ['* SEARCH 6']);
  await b.ok('STORE 1:* +FLAGS.SILENT (\\Deleted)');
  await b.ok('EXPUNGE');
  await noop(a);
  t.same(texts(await a.ok('SEARCH $')), ['* SEARCH']);
  t.same(texts(await a.ok('FETCH $ UID')), [], 'the empty set, and no refusal');
});

await t.test('SORT and THREAD number messages as their client knows them', async (t) => {
  const { name, a, b } = await twoClients(4);
  t.same(texts(await a.ok('SORT (REVERSE SUBJECT) UTF-8 ALL')), ['* SORT 4 3 2 1']);
  await b.ok('STORE 2 +FLAGS.SILENT (\\Deleted)');
  await b.ok('EXPUNGE');
  await appendMessages(b, name, 's0');
  // Before the client is told that the second message is gone, and then, in the same answer, what came.
  const sorted = texts(await a.ok('SORT (REVERSE SUBJECT) UTF-8 ALL'));
  t.same(
    sorted.filter((line) => line.startsWith('* SORT')),
    ['* SORT 4 3 1'],
  );
  t.notMatch(sorted.join('\n'), /EXPUNGE/);
  const threads = texts(await a.ok('THREAD ORDEREDSUBJECT UTF-8 1:4'));
  t.match(threads[0], /^\* THREAD( ?\(\d\)){3}$/);
  await noop(a);
  t.same(texts(await a.ok('SORT (REVERSE SUBJECT) UTF-8 ALL')), ['* SORT 3 2 1 4']);
  t.same(texts(await b.ok('UID SORT (SUBJECT) UTF-8 ALL')), ['* SORT 5 1 3 4']);
});

await t.test('of those who replace, move or expunge a message at once, one does', async (t) => {
  const loginAgain = await service.newAccount();
  const clients = await Promise.all(Array.from({ length: 4 }, loginAgain));
  const observer = await loginAgain();
  const message = messageOf('new').toString();
  const commands = [
    `UID REPLACE 1 {} {${message.length}+}\r\n${message}`,
    `UID REPLACE 1 {}-else {${message.length}+}\r\n${message}`,
    'UID MOVE 1 {}-else',
    'UID EXPUNGE 1',
  ];
  for (let round = 0; round < commands.length; round++) {
    const name = `box${round}`;
    await observer.ok(`CREATE ${name}`);
    await observer.ok(`CREATE ${name}-else`);
    await observer.ok(`APPEND ${name} (\\Deleted)`, messageOf('old'));
    for (const client of clients) await client.ok(`SELECT ${name}`);
    const results = await Promise.all(
      clients.map((client, index) =>
        client.command(commands[(index + round) % commands.length]!.replaceAll('{}', name)),
      ),
    );
    const told = results.map((result) => [...texts(result), result.text].join('\n'));
    const added = told.filter((text) => /(APPENDUID|COPYUID)/.test(text)).length;
    const status = await observer.command(`STATUS ${name} (MESSAGES)`);
    const other = await observer.command(`STATUS ${name}-else (MESSAGES)`);
    const counts = [...texts(status), ...texts(other)].map((line) =>
      Number(/(\d+)\)$/.exec(line)?.[1]),
    );
    t.equal(counts[0]! + counts[1]!, added, told.join('\n\n'));
    t.ok(added <= 1);
    for (const [index, { status, text }] of results.entries()) {
      if (status === 'OK') continue;
      t.match(text, /^\[EXPUNGEISSUED\]/, `${index}`);
    }
    await observer.ok(`SELECT ${name}`);
    const left = texts(await observer.ok('UID SEARCH ALL'));
    t.notMatch(left, [/ 1\b/], 'it is gone');
    for (const client of clients) {
      await client.ok('NOOP');
      t.same(texts(await client.ok('UID SEARCH ALL')), left);
    }
  }
});
