// ImapFlow, method by method. Methods that need an extension that Reprise does not announce (QUOTA) are
// asked too: ImapFlow answers those itself.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { ImapFlow, type ImapFlowOptions } from 'imapflow';
import t, { type Test } from 'tap';
import { alice } from '../fixtures/mail-server.ts';
import { plainMessage } from '../fixtures/plain-message.ts';
import {
  refusedCommands,
  startWitnessedServer,
  usedCapabilities,
} from '../fixtures/witnessed-server.ts';

const server = await startWitnessedServer(t);
const authority = await readFile(server.authorityFile);

await t.test('connect over TLS and with STARTTLS, log in, list, log out', async (t) => {
  for (const secure of [true, false]) {
    const client = await connect(t, { secure });
    t.ok(client.usable);
    t.ok(client.secureConnection);
    t.ok(client.capabilities.has('MOVE'));
    t.equal(typeof client.serverInfo, 'object', 'ID was answered');
    await client.noop();
    const { sent, received } = client.stats();
    t.ok(sent > 0 && received > 0);
    t.equal(await client.getQuota('INBOX'), false, 'QUOTA is not announced');
    const uses = new Map((await client.list()).map(({ specialUse, path }) => [specialUse, path]));
    t.equal(uses.get('\\Sent'), 'Sent');
    t.equal(uses.get('\\Inbox'), 'INBOX');
    const tree = await client.listTree();
    t.ok(tree.folders?.some(({ path }) => path === 'Drafts'));
    await client.logout();
  }
});

await t.test('a wrong password is refused as such', async (t) => {
  const client = flow({ secure: true, auth: { user: alice.name, pass: 'wrong' } });
  client.on('error', () => {});
  const refusal: unknown = await client.connect().catch((error: unknown) => error);
  t.match(refusal, { authenticationFailed: true, serverResponseCode: 'AUTHENTICATIONFAILED' });
  client.close();
});

await t.test('mailboxes: create, subscribe, rename, open, status, close, delete', async (t) => {
  const client = await connect(t);
  t.equal((await client.mailboxCreate(['Résumé', '日本', 'a&b'])).created, true);
  t.equal((await client.mailboxCreate('Résumé/日本/a&b')).created, false, 'it is there');
  t.equal(await client.mailboxSubscribe('Résumé/日本/a&b'), true);
  const listed = (await client.list()).find(({ path }) => path === 'Résumé/日本/a&b');
  t.equal(listed?.subscribed, true);
  t.equal(await client.mailboxUnsubscribe('Résumé/日本/a&b'), true);
  t.equal((await client.mailboxRename('Résumé/日本', 'Lebenslauf')).newPath, 'Lebenslauf');
  const opened = await client.mailboxOpen('Lebenslauf/a&b', { readOnly: true });
  t.equal(opened.exists, 0);
  t.equal(opened.readOnly, true);
  t.ok((opened.highestModseq ?? 0n) >= 1n);
  t.equal(await client.mailboxClose(), true);
  t.match(
    await client.status('Lebenslauf/a&b', {
      messages: true,
      uidNext: true,
      unseen: true,
      highestModseq: true,
    }),
    {
      messages: 0,
      uidNext: 1,
      unseen: 0,
    },
  );
  t.equal((await client.mailboxDelete('Lebenslauf/a&b')).path, 'Lebenslauf/a&b');
  const refusal: unknown = await client
    .mailboxOpen('Lebenslauf/a&b')
    .catch((error: unknown) => error);
  t.match(refusal, { serverResponseCode: 'NONEXISTENT' });
  await client.logout();
});

await t.test('messages: append, flags, colours, copy, move, delete', async (t) => {
  const client = await connect(t);
  await client.mailboxCreate('work');
  await client.mailboxCreate('elsewhere');
  const date = new Date('2001-02-03T04:05:06Z');
  for (let index = 1; index <= 5; index++) {
    const appended = await client.append(
      'work',
      plainMessage(`n${index}`),
      ['\\Flagged', '$Forwarded'],
      date,
    );
    t.match(appended, { uid: index, destination: 'work' });
  }
  const lock = await client.getMailboxLock('work');
  t.equal(await client.messageFlagsAdd('1:2', ['\\Seen']), true);
  t.equal(await client.messageFlagsRemove('1', ['\\Flagged'], { uid: true }), true);
  t.equal(await client.messageFlagsSet('3', ['\\Answered', 'Plan-B']), true);
  t.equal(await client.setFlagColor('4', 'green'), true);
  const messages = await client.fetchAll('1:*', { flags: true, internalDate: true });
  t.same(withoutRecent(messages[0]?.flags), new Set(['\\Seen', '$Forwarded']));
  t.same(withoutRecent(messages[2]?.flags), new Set(['\\Answered', 'Plan-B']));
  t.equal(messages[3]?.flagColor, 'green');
  t.same(messages[4]?.internalDate, date);

  const copied = await client.messageCopy('1:2', 'elsewhere');
  t.same(
    copied && copied.uidMap,
    new Map([
      [1, 1],
      [2, 2],
    ]),
  );
  const moved = await client.messageMove('3', 'elsewhere');
  t.same(moved && moved.uidMap, new Map([[3, 3]]));
  t.equal(await client.messageDelete('1', { uid: true }), true);
  t.same(await client.search({ all: true }, { uid: true }), [2, 4, 5]);
  lock.release();
  t.match(await client.status('elsewhere', { messages: true }), { messages: 3 });
  await client.logout();
});

await t.test('reading: fetch, fetchOne, search, download, downloadMany', async (t) => {
  const client = await connect(t);
  await client.mailboxCreate('reading');
  const attachment = Buffer.from(Array.from({ length: 5_000 }, (_, index) => index % 251));
  await client.append('reading', multipart('Ünïcode subject', 'körper', attachment));
  await client.append('reading', plainMessage('second', 3_000));
  await client.mailboxOpen('reading');

  const seen: string[] = [];
  for await (const message of client.fetch('1:*', { envelope: true, size: true, threadId: true })) {
    seen.push(
      `${message.seq} ${message.envelope?.subject} ${message.envelope?.from?.[0]?.address}`,
    );
  }
  t.same(seen, ['1 Ünïcode subject anna@example.org', '2 second a@example.org']);

  const first = await client.fetchOne('1', {
    bodyStructure: true,
    bodyParts: ['1', { key: '2', start: 3, maxLength: 8 }],
    headers: ['subject'],
    source: { start: 0, maxLength: 20 },
  });
  t.ok(first);
  if (!first) return;
  t.equal(first.bodyStructure?.childNodes?.[1]?.dispositionParameters?.['filename'], 'é.bin');
  t.equal(first.source?.toString(), 'From: =?utf-8?Q?=C3='.slice(0, 20));
  t.match(first.headers?.toString(), /^Subject: =\?utf-8/);
  t.equal(first.bodyParts?.get('2')?.length, 8);

  t.same(await client.search({ subject: 'Ünïcode' }), [1]);
  t.same(await client.search({ body: 'KÖRPER' }), [1], 'without regard to case');
  t.same(
    await client.search({ or: [{ subject: 'second' }, { from: 'anna' }], larger: 10 }),
    [1, 2],
  );
  t.same(await client.search({ seen: true }), []);
  t.same(await client.search({ since: new Date(Date.now() - 86_400_000 * 2) }), [1, 2]);

  const text = await client.download('1', '1');
  t.equal((await collect(text.content)).toString(), 'körper\r\n');
  t.ok((await collect((await client.download('1', '2')).content)).equals(attachment));
  const whole = await client.download('2');
  t.ok((await collect(whole.content)).equals(plainMessage('second', 3_000)));
  const parts = await client.downloadMany('1', ['1', '2']);
  t.ok(parts['2']?.content?.equals(attachment));
  await client.logout();
});

await t.test('a message of 20 MB comes back byte for byte', async (t) => {
  const client = await connect(t);
  const message = plainMessage('large', 20_000_000);
  await client.append('INBOX', message);
  await client.mailboxOpen('INBOX');
  const { content } = await client.download('*');
  t.ok((await collect(content)).equals(message));
  await client.logout();
});

await t.test('idle: what others do shows at once', async (t) => {
  const [watcher, actor] = [await connect(t), await connect(t)];
  await watcher.mailboxCreate('watched');
  await watcher.mailboxOpen('watched');
  const idle = watcher.idle();
  const exists = once(watcher, 'exists');
  await actor.append('watched', plainMessage('news'));
  t.match(await exists, [{ path: 'watched', count: 1, prevCount: 0 }]);
  await actor.mailboxOpen('watched');
  const flags = once(watcher, 'flags');
  await actor.messageFlagsAdd('1', ['\\Flagged']);
  t.match(await flags, [{ seq: 1, flags: new Set(['\\Flagged']) }]);
  const expunge = once(watcher, 'expunge');
  await actor.messageDelete('1');
  t.match(await expunge, [{ path: 'watched', seq: 1 }]);
  await watcher.noop();
  await idle;
  await Promise.all([watcher.logout(), actor.logout()]);
});

await t.test('changedSince and unchangedSince (CONDSTORE)', async (t) => {
  const client = await connect(t);
  await client.mailboxCreate('condstore');
  for (const name of ['a', 'b', 'c']) await client.append('condstore', plainMessage(name));
  const { highestModseq } = await client.mailboxOpen('condstore');
  const since = highestModseq ?? 0n;
  await client.messageFlagsAdd('2', ['\\Seen']);
  const changed = await client.fetchAll('1:*', { uid: true, flags: true }, { changedSince: since });
  t.same(
    changed.map(({ uid }) => uid),
    [2],
  );
  await client.messageFlagsAdd('1:3', ['\\Flagged'], { unchangedSince: since });
  t.same(await client.search({ flagged: true }), [1, 3]);
  await client.logout();
});

await t.test('close, closeAfter and unbind leave the server at ease', async (t) => {
  (await connect(t)).close();
  (await connect(t)).closeAfter();
  const { socket } = (await connect(t)).unbind();
  socket.destroy();
  const next = await connect(t);
  await next.noop();
  await next.logout();
});

await t.test('what ImapFlow has used', async (t) => {
  const commands = await server.commands();
  const refused = refusedCommands(commands).map((text) => /: (NO \[\w+\]|.*)/s.exec(text)?.[1]);
  t.same(
    refused,
    ['NO [AUTHENTICATIONFAILED]', 'NO [ALREADYEXISTS]', 'NO [NONEXISTENT]'],
    'what was meant to be, and nothing else',
  );
  const uses = usedCapabilities(commands);
  t.comment(`ImapFlow uses ${uses.join(', ')}`);
  for (const name of ['COMPRESS=DEFLATE', 'CONDSTORE', 'ENABLE', 'ID', 'IDLE', 'MOVE'])
    t.ok(uses.includes(name), name);
});

function flow(options: Partial<ImapFlowOptions>): ImapFlow {
  return new ImapFlow({
    host: options.secure === false ? '127.0.0.1' : 'localhost',
    port: options.secure === false ? server.process.imapPort : server.port,
    secure: true,
    auth: { user: alice.name, pass: alice.password },
    tls: options.secure === false ? { rejectUnauthorized: false } : { ca: authority },
    logger: false,
    disableAutoIdle: true,
    ...options,
  });
}

async function connect(t: Test, options: Partial<ImapFlowOptions> = {}): Promise<ImapFlow> {
  const client = flow(options);
  client.on('error', (error: Error) => t.comment(error.message));
  t.teardown(() => client.close());
  await client.connect();
  return client;
}

async function collect(stream: AsyncIterable<Buffer> | undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A text part and an attachment, written out by hand. */
function multipart(subject: string, text: string, attachment: Buffer): string {
  return [
    'From: =?utf-8?Q?=C3=84nna?= <anna@example.org>',
    'To: b@example.org',
    `Subject: =?utf-8?Q?${quoted(subject)}?=`,
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="frontier"',
    '',
    '--frontier',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    quoted(text),
    '',
    '--frontier',
    'Content-Type: application/octet-stream',
    "Content-Disposition: attachment; filename*=utf-8''%C3%A9.bin",
    'Content-Transfer-Encoding: base64',
    '',
    attachment.toString('base64').replaceAll(/.{76}/g, '$&\r\n'),
    '--frontier--',
    '',
  ].join('\r\n');
}

/** Text as quoted-printable bytes, none left as it is. */
function quoted(text: string): string {
  return Buffer.from(text).toString('hex').replaceAll(/../g, '=$&').toUpperCase();
}

function withoutRecent(flags: ReadonlySet<string> = new Set()): ReadonlySet<string> {
  return new Set([...flags].filter((flag) => flag !== '\\Recent'));
}
