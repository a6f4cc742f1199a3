import t from 'tap';
import { keptBinaryBytes } from '../../../../server/imap/limits.ts';
import type { MailStore } from '../../../../store/mail-store.ts';
import type { ImapClient } from '../../../fixtures/imap-client.ts';
import { startImapService, texts } from '../../../fixtures/imap-service.ts';
import { SeededRandom } from '../../../fixtures/seeded-random.ts';

const storeMethods: Partial<MailStore> = {};
const { store, newClient } = await startImapService(t, { storeMethods });

/** A message with one part in base64, one in quoted-printable, one as it is and one that nobody can read. */
function messageOf(content: Buffer, encoding = 'x-unknown'): Buffer {
  const part = (name: string, body: string) =>
    `--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: ${name}\r\n\r\n${body}\r\n`;
  const lines = content.toString('base64').replace(/.{76}/g, '$&\r\n');
  return Buffer.from(
    [
      'Subject: parts\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n',
      part('BASE64', lines),
      part('quoted-printable', 'caf=E9 =00 =\r\nend  '),
      part('8bit', 'plain'),
      part(encoding, 'secret'),
      '--b--\r\n',
    ].join(''),
  );
}

async function clientWith(message: Buffer): Promise<ImapClient> {
  const client = await newClient();
  await client.ok('APPEND INBOX', message);
  await client.ok('SELECT INBOX');
  return client;
}

/** The data of the only literal of a FETCH, and the response without it. */
async function fetchOne(client: ImapClient, item: string) {
  const { untagged } = await client.ok(`FETCH 1 ${item}`);
  const response = untagged.find(({ text }) => text.includes('BINARY'));
  return { text: response?.text, bytes: response?.literals[0] };
}

await t.test('parts without their transfer encoding', async (t) => {
  const content = new SeededRandom(1).bytes(1000);
  const client = await clientWith(messageOf(content));
  const first = await fetchOne(client, 'BINARY.PEEK[1]');
  t.equal(first.text, '* 1 FETCH (BINARY[1] ~{1000})', 'it has NUL in it');
  t.ok(first.bytes?.equals(content));
  t.same(await fetchOne(client, 'BINARY.PEEK[2]'), {
    text: '* 1 FETCH (BINARY[2] ~{10})',
    bytes: Buffer.from('caf\xe9 \0 end', 'latin1'),
  });
  t.same(
    texts(await client.ok('FETCH 1 BINARY.PEEK[3]')),
    ['* 1 FETCH (BINARY[3] {5}plain)'],
    'one without NUL is an ordinary literal',
  );
  t.same(texts(await client.ok('FETCH 1 (BINARY.SIZE[1] BINARY.SIZE[2] BINARY.SIZE[3])')), [
    '* 1 FETCH (BINARY.SIZE[1] 1000 BINARY.SIZE[2] 10 BINARY.SIZE[3] 5)',
  ]);
  t.same(
    texts(await client.ok('FETCH 1 (BINARY.PEEK[9] BINARY.SIZE[9])')),
    ['* 1 FETCH (BINARY[9] NIL BINARY.SIZE[9] 0)'],
    'no such part',
  );
});

await t.test('a part of what is decoded', async (t) => {
  const content = new SeededRandom(2).bytes(1000);
  const client = await clientWith(messageOf(content));
  for (const [offset, count] of [
    [0, 10],
    [990, 100],
    [10, 1],
    [999, 1],
  ] as const) {
    const { text, bytes } = await fetchOne(client, `BINARY.PEEK[1]<${offset}.${count}>`);
    t.ok(text?.startsWith(`* 1 FETCH (BINARY[1]<${offset}> `), `${offset}`);
    t.ok(bytes?.equals(content.subarray(offset, offset + count)));
  }
  t.same(texts(await client.ok('FETCH 1 BINARY.PEEK[1]<1000.5>')), [
    '* 1 FETCH (BINARY[1]<1000> {0})',
  ]);
  t.same(texts(await client.ok('FETCH 1 BINARY.PEEK[3]<1.3>')), [
    '* 1 FETCH (BINARY[3]<1> {3}lai)',
  ]);
  t.same(texts(await client.ok('FETCH 1 BINARY.PEEK[3]<9.3>')), ['* 1 FETCH (BINARY[3]<9> {0})']);
});

await t.test('large parts, which are decoded twice', async (t) => {
  const content = new SeededRandom(3).bytes(3 * keptBinaryBytes + 7);
  const client = await clientWith(messageOf(content));
  const whole = await fetchOne(client, 'BINARY.PEEK[1]');
  t.ok(whole.bytes?.equals(content));
  t.same(texts(await client.ok('FETCH 1 BINARY.SIZE[1]')), [
    `* 1 FETCH (BINARY.SIZE[1] ${content.length})`,
  ]);
  const offset = 2 * keptBinaryBytes - 5;
  const end = await fetchOne(client, `BINARY.PEEK[1]<${offset}.1000000>`);
  t.ok(end.bytes?.equals(content.subarray(offset)));
});

await t.test('no more is decoded than was asked for', async (t) => {
  const client = await clientWith(messageOf(new SeededRandom(4).bytes(3 * keptBinaryBytes)));
  let chunkCount = 0;
  storeMethods.readBody = async function* countChunks(...range) {
    for await (const chunk of store.readBody(...range)) {
      chunkCount += 1;
      yield chunk;
    }
  };
  await client.ok('FETCH 1 BINARY.PEEK[1]<100.100>');
  delete storeMethods.readBody;
  t.ok(chunkCount <= 2, `${chunkCount} chunks of 64 KiB`);
});

await t.test('who reads a part in pieces has each byte decoded once, or twice', async (t) => {
  const content = new SeededRandom(5).bytes(1_000_000);
  const quotedLine = `${'caf=E9 '.repeat(10)}=\r\n`;
  const quoted = Buffer.from(
    `Content-Transfer-Encoding: quoted-printable\r\n\r\n${quotedLine.repeat(12_000)}`,
  );
  const plain = Buffer.from('caf\xe9 '.repeat(120_000), 'latin1');
  let decodedBytes = 0;
  storeMethods.readBody = async function* countBytes(...range) {
    for await (const chunk of store.readBody(...range)) {
      decodedBytes += chunk.length;
      yield chunk;
    }
  };
  for (const [message, expected] of [
    [messageOf(content), content],
    [quoted, plain],
  ] as const) {
    for (const pieceBytes of [16 * 1024, 64 * 1024, keptBinaryBytes + 1]) {
      const client = await clientWith(message);
      const other = await client.ok('FETCH 1 BINARY.PEEK[1]<300000.10>');
      t.match(texts(other)[0], /<300000>/);
      decodedBytes = 0;
      let pieces = 0;
      for (let offset = 0; offset < expected.length; offset += pieceBytes) {
        const { bytes } = await fetchOne(client, `BINARY.PEEK[1]<${offset}.${pieceBytes}>`);
        if (!bytes?.equals(expected.subarray(offset, offset + pieceBytes))) t.fail(`at ${offset}`);
        pieces += 1;
      }
      // What is read for a piece beyond its own bytes: the window that it begins in, and that it ends in.
      const readTwice = pieceBytes > keptBinaryBytes ? 2 : 1;
      const bound = readTwice * (message.length + pieces * 3 * 64 * 1024);
      t.ok(decodedBytes <= bound, `${decodedBytes} bytes are decoded for ${pieceBytes}`);
      await client.logout();
    }
  }
  delete storeMethods.readBody;
});

await t.test('parts that are read by turns go on where they were', async (t) => {
  const contents = [6, 7].map((seed) => new SeededRandom(seed).bytes(400_000));
  const client = await clientWith(messageOf(contents[0]!));
  await client.ok('APPEND INBOX', messageOf(contents[1]!));
  await client.ok('NOOP');
  for (let offset = 390_000; offset >= 0; offset -= 30_000) {
    for (const [index, content] of contents.entries()) {
      for (const start of [offset, offset + 5_000]) {
        const item = `BINARY.PEEK[1]<${start}.5000>`;
        const { untagged } = await client.ok(`FETCH ${index + 1} ${item}`);
        const [bytes] = untagged[0]!.literals;
        if (!bytes?.equals(content.subarray(start, start + 5_000))) t.fail(`at ${start}`);
      }
    }
  }
  t.pass();
});

await t.test('BINARY sets \\Seen, BINARY.PEEK and BINARY.SIZE do not', async (t) => {
  const client = await clientWith(messageOf(Buffer.from('x')));
  await client.ok('FETCH 1 (BINARY.PEEK[3] BINARY.SIZE[3])');
  t.notMatch(texts(await client.ok('FETCH 1 FLAGS')), [/Seen/]);
  t.match(texts(await client.ok('FETCH 1 BINARY[3]')), [/FLAGS \([^)]*\\Seen/]);
});

await t.test('an encoding that nobody knows is refused before anything is told', async (t) => {
  const client = await clientWith(messageOf(Buffer.from('x')));
  await client.ok('APPEND INBOX', messageOf(Buffer.from('y'), '7bit'));
  for (const item of ['BINARY[4]', 'BINARY.PEEK[4]<0.1>', '(UID BINARY.SIZE[4])']) {
    const refused = await client.command(`FETCH 1 ${item}`);
    t.match(refused, { status: 'NO', text: /^\[UNKNOWN-CTE\]/, untagged: [] }, item);
  }
  t.notMatch(texts(await client.ok('FETCH 1 FLAGS')), [/Seen/]);
  t.same(texts(await client.ok('FETCH 1 BINARY.PEEK[3]')).length, 1, 'other parts can be had');
  t.same(texts(await client.ok('FETCH 2 BINARY.PEEK[4]')), ['* 2 FETCH (BINARY[4] {6}secret)']);
});

await t.test('the whole message has no encoding to take off', async (t) => {
  const message = Buffer.from('Content-Transfer-Encoding: base64\r\n\r\nYWJj');
  const client = await clientWith(message);
  const { bytes } = await fetchOne(client, 'BINARY.PEEK[]');
  t.ok(bytes?.equals(message));
  t.same(texts(await client.ok('FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[] BINARY.SIZE[1])')), [
    `* 1 FETCH (BINARY[1] {3}abc BINARY.SIZE[] ${message.length} BINARY.SIZE[1] 3)`,
  ]);
});

await t.test('a message with NUL comes by literal8, and goes as it came', async (t) => {
  const client = await newClient();
  const message = Buffer.from(
    'Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\na\0b\0',
  );
  client.send(`a APPEND INBOX (\\Seen) ~{${message.length}}\r\n`);
  t.match((await client.read()).text, /^\+ /);
  client.send(message);
  client.send('\r\n');
  t.match(await client.readTagged('a'), { status: 'OK' });
  await client.ok('SELECT INBOX');
  const { text, bytes } = await fetchOne(client, 'BINARY[1]');
  t.equal(text, '* 1 FETCH (BINARY[1] ~{4})');
  t.same(bytes, Buffer.from('a\0b\0'));
  t.match(texts(await client.ok('FETCH 1 BODY.PEEK[1]')), ['* 1 FETCH (BODY[1] {4}a\x80b\x80)']);
  t.match(texts(await client.ok('FETCH 1 RFC822.SIZE')), [
    `* 1 FETCH (RFC822.SIZE ${message.length})`,
  ]);
});

await t.test('what BINARY grammar does not have', async (t) => {
  const client = await clientWith(messageOf(Buffer.from('x')));
  for (const item of [
    'BINARY',
    'BINARY[HEADER]',
    'BINARY[1.]',
    'BINARY[0]',
    'BINARY.SIZE[1]<0.1>',
    'BINARY[1]<0>',
    'BINARY[1.MIME]',
  ]) {
    t.match(await client.command(`FETCH 1 ${item}`), { status: 'BAD' }, item);
  }
});
