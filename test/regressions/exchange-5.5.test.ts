// Bugs of the Exchange 5.5 IMAP service, by the Microsoft knowledge base article that described them.
import t from 'tap';
import { startMailServer } from '../fixtures/mail-server.ts';
import { plainMessage } from '../fixtures/plain-message.ts';

const server = await startMailServer(t);

await t.test(
  'Q237544: a FETCH over TLS ends neither the connection nor the listener',
  async (t) => {
    const client = await server.login('tls');
    await client.ok('CREATE Q237544');
    await client.ok('APPEND Q237544', plainMessage('large', 3_000_000));
    await client.ok('SELECT Q237544');
    for (const items of ['FULL', '(BODYSTRUCTURE UID)', 'RFC822', 'BODY[TEXT]', 'BODY[1]<10.20>']) {
      const result = await client.ok(`FETCH 1:* ${items}`);
      t.equal(result.untagged.length > 0, true, `FETCH ${items} is answered`);
    }
    await client.ok('NOOP');

    const vanishing = await server.login('tls');
    await vanishing.ok('SELECT Q237544');
    vanishing.send('x FETCH 1 BODY[]\r\n');
    await vanishing.drop();

    await client.ok('NOOP');
    const next = await server.login('tls');
    t.equal(
      (await next.ok('STATUS Q237544 (MESSAGES)')).status,
      'OK',
      'the listener still accepts',
    );
  },
);

await t.test('Q194998: a partial FETCH over TLS returns no more than was asked for', async (t) => {
  const client = await server.login('tls');
  const message = plainMessage('partial', 10_000);
  await client.ok('CREATE Q194998');
  await client.ok('APPEND Q194998', message);
  await client.ok('SELECT Q194998');
  const pieces: Buffer[] = [];
  for (const [offset, size] of [
    [0, 6144],
    [6144, 3856],
  ] as const) {
    const result = await client.ok(`FETCH 1 BODY.PEEK[]<${offset}.6144>`);
    const response = result.untagged.find(({ text }) => text.includes('FETCH'));
    t.match(response?.text, new RegExp(`BODY\\[\\]<${offset}> \\{${size}\\}`));
    pieces.push(response?.literals[0] ?? Buffer.alloc(0));
  }
  t.ok(Buffer.concat(pieces).equals(message), 'the pieces make the message');
  const beyond = await client.ok('FETCH 1 BODY.PEEK[]<10000.6144>');
  t.match(beyond.untagged[0]?.text, /BODY\[\]<10000> (""|\{0\})/, 'nothing is left at the end');
});

await t.test('Q239082: the CRLF after a literal may come in the same read or alone', async (t) => {
  const client = await server.login('tls');
  await client.ok('CREATE Q239082');
  const message = plainMessage('crlf', 500);
  const waiting = `APPEND Q239082 {${message.length}}\r\n`;
  const ways: readonly (readonly Buffer[])[] = [
    [Buffer.concat([message, Buffer.from('\r\n')])],
    [message, Buffer.from('\r\n')],
    [Buffer.concat([message, Buffer.from('\r')]), Buffer.from('\n')],
    [message.subarray(0, 499), Buffer.concat([message.subarray(499), Buffer.from('\r\n')])],
  ];
  for (const [index, writes] of ways.entries()) {
    client.send(`w${index} ${waiting}`);
    t.match((await client.read()).text, /^\+/);
    for (const bytes of writes) await client.sendInChunks(bytes, bytes.length);
    t.equal((await client.readTagged(`w${index}`)).status, 'OK');
  }
  client.send(
    Buffer.concat([
      Buffer.from(`plus APPEND Q239082 {${message.length}+}\r\n`),
      message,
      Buffer.from('\r\nnoop NOOP\r\n'),
    ]),
  );
  t.equal((await client.readTagged('plus')).status, 'OK');
  t.equal((await client.readTagged('noop')).status, 'OK');
  const status = await client.ok('STATUS Q239082 (MESSAGES)');
  t.match(status.untagged[0]?.text, /MESSAGES 5\b/);
});

await t.test('Q195171: a space behind the last header field name is harmless', async (t) => {
  const client = await server.login('tls');
  await client.ok('CREATE Q195171');
  await client.ok('APPEND Q195171', plainMessage('trailing space'));
  await client.ok('SELECT Q195171');
  const result = await client.ok('FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT )]');
  t.equal(result.untagged[0]?.literals[0]?.toString('latin1'), 'Subject: trailing space\r\n\r\n');
});

await t.test('Q195741: an aborted APPEND leaves nothing and harms nobody', async (t) => {
  const observer = await server.login('tls');
  await observer.ok('CREATE Q195741');
  for (const sent of [0, 1, 400, 499_999]) {
    const client = await server.login('tls');
    client.send('a APPEND Q195741 {500000}\r\n');
    t.match((await client.read()).text, /^\+/);
    client.send(plainMessage('aborted', 500_000).subarray(0, sent));
    await client.drop();
  }
  const whole = await server.login('tls');
  await whole.ok('APPEND Q195741', plainMessage('whole', 500_000));
  const status = await observer.ok('STATUS Q195741 (MESSAGES UIDNEXT)');
  t.match(status.untagged[0]?.text, /MESSAGES 1 UIDNEXT 2/);
});

await t.test('Q234395: a "/" in a name hides no mailbox', async (t) => {
  const client = await server.login('tls');
  await client.ok('CREATE "Q234395/Sales/Marketing"');
  await client.ok('APPEND "Q234395/Sales/Marketing"', plainMessage('found'));
  const listed = await client.ok('LIST "" "Q234395*"');
  const names = listed.untagged.map(({ text }) => /"\/" "?([^"]*)"?$/.exec(text)?.[1]);
  t.same(new Set(names), new Set(['Q234395', 'Q234395/Sales', 'Q234395/Sales/Marketing']));
  for (const name of names) {
    t.equal((await client.command(`STATUS "${name}" (MESSAGES)`)).status, 'OK', `${name}`);
  }
  await client.ok('SELECT "Q234395/Sales/Marketing"');
  const fetched = await client.ok('FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]');
  t.match(fetched.untagged[0]?.literals[0]?.toString(), 'Subject: found');
});
