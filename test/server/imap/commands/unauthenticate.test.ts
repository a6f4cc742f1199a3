import t from 'tap';
import { Admission } from '../../../../tls/index.ts';
import { appendMessages, startImapService, texts } from '../../../fixtures/imap-service.ts';

const time = { steadyMs: 1_000 };
const admission = new Admission();
const { connect, login, service, store, log } = await startImapService(t, {
  admission,
  steadyClock: () => time.steadyMs,
  limits: { sweepIntervalMs: 5, loginDeadlineMs: 120_000 },
});

await t.test('a client logs in as another one, at once', async (t) => {
  const client = await connect();
  t.match(client.greeting, / UNAUTHENTICATE /);
  await client.ok('LOGIN alice secret');
  const bob = Buffer.from('\0bob\0secret').toString('base64');
  client.send(`a UNAUTHENTICATE\r\nb AUTHENTICATE PLAIN ${bob}\r\nc CREATE only-bob\r\n`);
  t.match((await client.read()).text, /^a OK /);
  t.match((await client.read()).text, /^b OK \[CAPABILITY/);
  t.match((await client.read()).text, /^c OK /);
  const [alice, other] = [await store.findAccount('alice'), await store.findAccount('bob')];
  t.equal(await store.findMailbox(alice!.id, 'only-bob'), undefined);
  t.ok(await store.findMailbox(other!.id, 'only-bob'));
  t.equal(service.disconnect({ accountId: alice!.id }, 'Gone'), 0, 'it is no client of alice');
  await client.ok('NOOP');
  const lines = log.map(({ msg, account }) => [msg, account]);
  t.ok(lines.some(([msg, account]) => msg === 'logged out' && account === 'alice'));
});

await t.test('it is as before login', async (t) => {
  const client = await connect();
  t.match(await client.command('UNAUTHENTICATE'), { status: 'BAD' }, 'before login');
  const capabilities = texts(await client.ok('CAPABILITY'));
  await client.ok('LOGIN alice secret');
  t.match(await client.command('UNAUTHENTICATE now'), { status: 'BAD' });
  await client.ok('UNAUTHENTICATE');
  t.strictSame(texts(await client.ok('CAPABILITY')), capabilities);
  t.match(await client.command('SELECT INBOX'), { status: 'BAD', text: /needs a login first/ });
  t.match(await client.command('UNAUTHENTICATE'), { status: 'BAD' });
  client.send('a APPEND INBOX {1000000+}\r\n');
  t.match((await client.readToEnd()).at(-1)?.text, /^(?:a BAD|\* BYE)/, 'strangers send no mail');
});

await t.test('the mailbox is left, and nothing is expunged', async (t) => {
  const [client, other] = [await login('bob'), await login('bob')];
  await client.ok('CREATE left');
  await appendMessages(client, 'left', 'one', 'two');
  await client.ok('ENABLE QRESYNC UTF8=ACCEPT');
  await client.ok('SELECT left');
  await client.ok('STORE 1 +FLAGS (\\Deleted)');
  await client.ok('SEARCH RETURN (SAVE) ALL');
  await other.ok('SELECT left');
  await client.ok('UNAUTHENTICATE');
  await other.ok('STORE 2 +FLAGS (\\Flagged)');
  t.strictSame(texts(await client.ok('NOOP')), [], 'it is told nothing more');
  await client.ok('LOGIN bob secret');
  t.match(await client.command('FETCH 1 FLAGS'), { status: 'BAD' }, 'nothing is selected');
  const selected = texts(await client.ok('SELECT left'));
  t.ok(selected.includes('* 2 EXISTS'));
  t.strictSame(texts(await client.ok('FETCH $ UID')), [], 'nothing is saved');
  t.match(texts(await client.ok('FETCH 1 FLAGS'))[0], /\\Deleted/);
  const told = texts(await client.ok('STORE 2 +FLAGS (\\Answered)'));
  t.match(told, [/^\* 2 FETCH \(FLAGS \([^)]*\)\)$/], 'without UID and MODSEQ');
  t.equal(texts(await client.ok('ENABLE QRESYNC'))[0], '* ENABLED QRESYNC', 'it was off');
  await client.ok('UNSELECT');
});

await t.test('what others change in the metadata is not told to who comes next', async (t) => {
  const [client, other] = [await login('alice'), await login('alice')];
  await client.ok('ENABLE METADATA');
  await client.ok('UNAUTHENTICATE');
  await client.ok('LOGIN bob secret');
  await other.ok('SETMETADATA "" (/private/comment "for alice")');
  t.strictSame(texts(await client.ok('NOOP')), []);
});

await t.test('what a client was told by NOTIFY is not told to who comes next', async (t) => {
  const [client, other] = [await login('alice'), await login('alice')];
  await client.ok('NOTIFY SET (personal (MessageNew MessageExpunge MailboxName))');
  await client.ok('UNAUTHENTICATE');
  await client.ok('LOGIN bob secret');
  await other.ok('CREATE of-alice');
  await appendMessages(other, 'INBOX', 'one');
  t.strictSame(texts(await client.ok('NOOP')), [], 'nothing of alice');
  await client.ok('SELECT INBOX');
  t.strictSame(texts(await client.ok('NOOP')), []);
});

await t.test('it counts among the strangers, and has to log in in time', async (t) => {
  const client = await login('alice');
  const other = await login('alice');
  const before = admission.count;
  time.steadyMs += 300_000;
  await other.ok('UNAUTHENTICATE');
  t.equal(admission.count, before + 1);
  time.steadyMs += 100_000;
  await other.ok('NOOP');
  await other.ok('LOGIN bob secret');
  t.equal(admission.count, before);
  time.steadyMs += 100_000;
  await other.ok('UNAUTHENTICATE');
  time.steadyMs += 121_000;
  t.match((await other.readToEnd()).at(-1)?.text, /^\* BYE Autologout; no login/);
  await client.ok('NOOP');
});

await t.test('failed logins are not forgotten', async (t) => {
  const client = await connect();
  for (let count = 0; count < 4; count += 1) await client.command(`LOGIN alice wrong${count}`);
  await client.ok('LOGIN alice secret');
  await client.ok('UNAUTHENTICATE');
  client.send('a LOGIN alice wrong\r\n');
  t.match((await client.readToEnd()).at(-1)?.text, /^\* BYE Too many failed logins/);
});

await t.test('a client that compresses has to connect again', async (t) => {
  const client = await login('alice');
  client.send('a COMPRESS DEFLATE\r\n');
  t.match((await client.read()).text, /^a OK/);
  const { deflateRawSync, inflateRawSync, constants } = await import('node:zlib');
  const finishFlush = constants.Z_SYNC_FLUSH;
  const chunks: Buffer[] = [];
  client.socket.removeAllListeners('data').on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise((resolve) => client.socket.once('end', resolve));
  client.socket.resume();
  client.send(deflateRawSync('b UNAUTHENTICATE\r\n', { finishFlush }));
  await ended;
  const told = inflateRawSync(Buffer.concat(chunks), { finishFlush }).toString();
  t.match(told, /^\* BYE Compression cannot be ended, connect again\r\n$/);
});
