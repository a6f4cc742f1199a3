import { once } from 'node:events';
import { constants, deflateRawSync } from 'node:zlib';
import t from 'tap';
import type { ImapClient } from '../../../fixtures/imap-client.ts';
import { appendMessages, startImapService, texts } from '../../../fixtures/imap-service.ts';

const { connect, newClient, newPair } = await startImapService(t);

async function compress(client: ImapClient): Promise<ImapClient> {
  await client.ok('COMPRESS DEFLATE');
  client.startDeflate();
  return client;
}

const deflate = (text: string): Buffer =>
  deflateRawSync(Buffer.from(text, 'latin1'), { finishFlush: constants.Z_SYNC_FLUSH });

await t.test('both ways are compressed, in the clear and under TLS', async (t) => {
  for (const security of ['starttls', 'tls'] as const) {
    const client = await connect(security);
    await client.login('alice', 'secret');
    await client.ok('CREATE "Sent/2026"');
    await compress(client);
    const before = client.socket.bytesRead;
    t.equal((await client.ok('LIST "" "*"')).untagged.length > 5, true, security);
    await client.ok('DELETE "Sent/2026"');
    t.ok(client.socket.bytesRead > before);
    await client.logout();
  }
});

await t.test('an account logged in by AUTHENTICATE compresses, a stranger does not', async (t) => {
  const stranger = await connect('tls');
  t.match(await stranger.command('COMPRESS DEFLATE'), { status: 'BAD' });
  await stranger.ok('NOOP');
});

await t.test('it is announced before login and after', async (t) => {
  t.match((await connect('tls')).greeting, / COMPRESS=DEFLATE /);
  const client = await newClient();
  t.match(texts(await client.ok('CAPABILITY')), [/ COMPRESS=DEFLATE/]);
});

await t.test('what is long becomes short, and comes whole', async (t) => {
  const client = await compress(await newClient());
  const message = `Subject: long\r\n\r\n${'All work and no play makes Jack a dull boy. '.repeat(50_000)}`;
  await client.ok('APPEND INBOX', Buffer.from(message));
  await client.ok('SELECT INBOX');
  const before = client.socket.bytesRead;
  const { untagged } = await client.ok('FETCH 1 BODY.PEEK[]');
  t.equal(untagged[0]?.literals[0]?.toString() === message, true);
  const sentBytes = client.socket.bytesRead - before;
  t.ok(sentBytes < message.length / 10, `${sentBytes} bytes of ${message.length}`);
});

await t.test('an idling client is told what changes', async (t) => {
  const [client, other] = await newPair();
  await client.ok('SELECT INBOX');
  await compress(client);
  client.send('i IDLE\r\n');
  t.match((await client.read()).text, /^\+ /);
  await appendMessages(other, 'INBOX', 'one');
  t.equal((await client.read()).text, '* 1 EXISTS');
  await client.read();
  client.send('DONE\r\n');
  t.match(await client.readTagged('i'), { status: 'OK' });
});

await t.test('what is pipelined in the clear stays in the clear', async (t) => {
  const client = await newClient();
  client.send('a COMPRESS DEFLATE\r\nb NOOP\r\n');
  t.match(await client.readTagged('a'), {
    status: 'BAD',
    text: /^\[CLIENTBUG\] Wait for the answer/,
  });
  t.match(await client.readTagged('b'), { status: 'OK' });
  await compress(client);
  await client.ok('NOOP');
});

await t.test('twice is once', async (t) => {
  const client = await compress(await newClient());
  t.match(await client.command('COMPRESS DEFLATE'), {
    status: 'BAD',
    text: '[COMPRESSIONACTIVE] DEFLATE is active by COMPRESS',
  });
  await client.ok('NOOP');
});

await t.test('what is not compressed ends the connection with a word', async (t) => {
  for (const afterwards of ['', 'a APPEND INBOX {10}\r\n']) {
    const client = await compress(await newClient());
    if (afterwards !== '') {
      client.send(afterwards);
      await client.read();
    }
    client.sendUncompressed(Buffer.from('a NOOP\r\n'));
    const last = (await client.readToEnd()).map(({ text }) => text);
    if (afterwards === '') {
      t.same(last, ['* BYE Cannot inflate what was sent: a stored block has two sizes']);
    }
  }
});

await t.test('commands are read however their compressed bytes are cut', async (t) => {
  const client = await compress(await newClient());
  for (const byte of deflate('a NOOP\r\nb CREATE x\r\n')) {
    client.sendUncompressed(Uint8Array.of(byte));
    await new Promise(setImmediate);
  }
  t.match(await client.readTagged('a'), { status: 'OK' });
  t.match(await client.readTagged('b'), { status: 'OK' });
});

await t.test('many commands at once are all answered, and what is read is bounded', async (t) => {
  const client = await compress(await newClient());
  const count = 30_000;
  client.sendUncompressed(deflate(`${'a NOOP\r\n'.repeat(count)}z NOOP\r\n`));
  const answers: { text: string }[] = [];
  t.match(await client.readTagged('z', answers as never), { status: 'OK' });
  t.equal(answers.length, count);
});

await t.test('a client that closes its side is answered to all that it has sent', async (t) => {
  const client = await compress(await newClient());
  const count = 20_000;
  client.sendUncompressed(deflate(`${'a NOOP\r\n'.repeat(count)}z NOOP\r\n`));
  client.socket.end();
  const lines = await client.readToEnd();
  t.match(lines.at(-1)?.text, /^z OK/);
  t.equal(lines.length, count + 1);
});

await t.test('a bomb is a line that is too long', async (t) => {
  const client = await compress(await newClient());
  client.sendUncompressed(deflate('x'.repeat(50_000_000)));
  const answers = (await client.readToEnd()).map(({ text }) => text);
  t.match(answers.at(-1), /^\* BYE Line is too long/);
});

await t.test('a client that says that nothing follows is answered and let go', async (t) => {
  const client = await compress(await newClient());
  client.sendUncompressed(deflateRawSync('a NOOP\r\n'));
  t.same(
    (await client.readToEnd()).map(({ text }) => text),
    ['a OK NOOP completed'],
  );
});

await t.test('a stream that is cut is no error', async (t) => {
  const client = await compress(await newClient());
  client.sendUncompressed(deflate('a NOOP\r\n').subarray(0, 4));
  client.socket.end();
  await once(client.socket, 'close');
  t.same(await client.readToEnd(), []);
});

await t.test('LOGOUT and the end of the server are read', async (t) => {
  const client = await compress(await newClient());
  client.send('a LOGOUT\r\n');
  t.same(
    (await client.readToEnd()).map(({ text }) => text),
    ['* BYE Reprise IMAP4rev1 server signing off', 'a OK LOGOUT completed'],
  );
});
