import { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import t from 'tap';
import { Connection } from '../../../server/imap/connection.ts';
import { StoreError } from '../../../store/mail-store.ts';
import { until } from '../../fixtures/until.ts';
import { appendMessages, messageOf, startImapService, texts } from '../../fixtures/imap-service.ts';

const plainService = await startImapService(t);

await t.test('port 143 hides LOGIN until TLS, and announces the rest', async (t) => {
  const { connect } = plainService;
  const client = await connect('plain');
  t.match(client.greeting, /^\* OK \[CAPABILITY IMAP4rev1 .*STARTTLS.*LOGINDISABLED.*\] /);
  t.match(await client.command('LOGIN alice secret'), {
    status: 'NO',
    text: /^\[PRIVACYREQUIRED\]/,
  });
  t.match(await client.command('AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA=='), { status: 'NO' });
  await client.ok('STARTTLS');
  await client.startTls();
  const [line] = texts(await client.ok('CAPABILITY'));
  t.match(line, / AUTH=PLAIN/);
  t.notMatch(line, /STARTTLS|LOGINDISABLED/);
  t.match(await client.command('STARTTLS'), { status: 'BAD' });
  await client.login('alice', 'secret');
});

await t.test('LOGIN and AUTHENTICATE answer with the capabilities', async (t) => {
  const { connect } = plainService;
  const client = await connect();
  t.match((await client.ok('LOGIN alice secret')).text, /^\[CAPABILITY IMAP4rev1 /);
  const plain = await connect();
  await plain.ok('AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==');
  const waiting = await connect();
  waiting.send('a AUTHENTICATE PLAIN\r\n');
  t.equal((await waiting.read()).text, '+ ');
  waiting.send('AGFsaWNlAHNlY3JldA==\r\n');
  t.match(await waiting.readTagged('a'), { status: 'OK' });
  const prompted = await connect();
  prompted.send('a AUTHENTICATE LOGIN\r\n');
  await prompted.read();
  prompted.send('YWxpY2U=\r\n');
  await prompted.read();
  prompted.send('c2VjcmV0\r\n');
  t.match(await prompted.readTagged('a'), { status: 'OK' });
  t.match(await client.command('LOGIN alice secret'), { status: 'BAD', text: /after login/ });
});

await t.test('bad credentials are refused without a hint, and only so often', async (t) => {
  const { connect } = await startImapService(t, { limits: { maxFailedLogins: 3 } });
  const client = await connect();
  const wrong = await client.command('LOGIN alice wrong');
  const unknown = await client.command('LOGIN nobody secret');
  t.match(wrong, { status: 'NO', text: /^\[AUTHENTICATIONFAILED\]/ });
  t.equal(unknown.text, wrong.text);
  client.send('z LOGIN alice wrong\r\n');
  t.match((await client.readToEnd()).at(-1)?.text, /^\* BYE .*failed logins/);
});

await t.test(
  'cancelled and malformed SASL exchanges are BAD, the connection goes on',
  async (t) => {
    const { connect } = plainService;
    const client = await connect();
    for (const answer of ['*', 'not base64!', 'AAAA', '/////w==']) {
      client.send('a AUTHENTICATE PLAIN\r\n');
      await client.read();
      client.send(`${answer}\r\n`);
      t.match(await client.readTagged('a'), { status: 'BAD' }, answer);
    }
    t.match(await client.command('AUTHENTICATE X-UNKNOWN'), { status: 'NO' });
    await client.login('alice', 'secret');
  },
);

await t.test('a flood of commands before login ends the connection', async (t) => {
  const { connect, login } = await startImapService(t, {
    limits: { maxCommandsPerSecondBeforeLogin: 10 },
    steadyClock: () => 1_000_000,
  });
  const client = await connect();
  client.send('a NOOP\r\n'.repeat(20));
  const responses = await client.readToEnd();
  t.equal(responses.filter(({ text }) => text.startsWith('a OK')).length, 10);
  t.match(responses.at(-1)?.text, /^\* BYE Too many commands/);
  const member = await login();
  for (let count = 0; count < 20; count += 1) await member.ok('NOOP');
});

await t.test('a wall clock that is set forward logs nobody out', async (t) => {
  let wallMs = Date.UTC(2026, 0, 1);
  const { connect, login } = await startImapService(t, {
    limits: { sweepIntervalMs: 5 },
    clock: () => wallMs,
  });
  const clients = [await connect('plain'), await login()];
  wallMs += 31 * 24 * 60 * 60_000;
  const sweeps = t.capture(Connection.prototype, 'sweep', Connection.prototype.sweep);
  let sweepCount = 0;
  await until(() => (sweepCount += sweeps().length) >= 2 * clients.length);
  for (const client of clients) await client.ok('NOOP');
});

await t.test('a silent client is logged out, an idle one after its time', async (t) => {
  let nowMs = 0;
  const { connect, login, service } = await startImapService(t, {
    limits: { loginDeadlineMs: 1_000, autologoutMs: 10_000, sweepIntervalMs: 5 },
    steadyClock: () => nowMs,
  });
  const [stranger, member] = [await connect(), await login()];
  nowMs = 1_500;
  t.match((await stranger.readToEnd()).at(-1)?.text, /^\* BYE Autologout/);
  await member.ok('NOOP');
  member.send('i IDLE\r\n');
  await member.read();
  nowMs = 12_000;
  t.match((await member.readToEnd()).at(-1)?.text, /^\* BYE Autologout/);
  await until(() => service.connectionCount === 0);
});

await t.test(
  'of a client that stays the system is told to keep the connection alive',
  async (t) => {
    const kept = t.capture(Socket.prototype, 'setKeepAlive', Socket.prototype.setKeepAlive);
    for (const [security, Kind] of [
      ['plain', Socket],
      ['tls', TLSSocket],
    ] as const) {
      const { connect } = await startImapService(t, { limits: { sweepIntervalMs: 5 } });
      const client = await connect(security);
      const calls: ReturnType<typeof kept> = [];
      await until(() => calls.push(...kept()) > 0);
      for (let count = 0; count < 20; count++) await client.ok('NOOP');
      calls.push(...kept());
      t.match(calls, [{ receiver: Kind, args: [true, 120_000] }]);
      t.equal(calls.length, 1, 'once');
    }
  },
);

await t.test(
  'close says BYE to everybody, and lets a message that is coming in finish',
  async (t) => {
    const { login, service, store } = await startImapService(t);
    const [idler, sender] = [await login(), await login()];
    idler.send('i IDLE\r\n');
    await idler.read();
    const message = messageOf('late');
    sender.send(`a APPEND INBOX {${message.length}}\r\n`);
    await sender.read();
    const closed = service.close();
    t.match((await idler.readToEnd()).at(-1)?.text, /^\* BYE Server is shutting down/);
    sender.send(Buffer.concat([message, Buffer.from('\r\n')]));
    t.match(await sender.readTagged('a'), { status: 'OK' });
    t.match((await sender.readToEnd()).at(-1)?.text, /^\* BYE/);
    await closed;
    const account = await store.findAccount('alice');
    const inbox = await store.findMailbox(account?.id ?? 0, 'INBOX');
    t.equal(inbox && (await store.readStatus(inbox)).messageCount, 1);
  },
);

await t.test('close waits for what still runs for a client that is gone', async (t) => {
  const check = Promise.withResolvers<undefined>();
  let isAsked = false;
  const { connect, service } = await startImapService(t, {
    verifier: {
      verify: () => {
        isAsked = true;
        return check.promise;
      },
    },
  });
  const client = await connect();
  client.send('a LOGIN alice secret\r\n');
  await until(() => isAsked);
  let isClosed = false;
  const closed = service.close({ deadlineMs: 10 }).then(() => {
    isClosed = true;
  });
  await client.readToEnd();
  await until(() => service.connectionCount === 0);
  await setImmediate();
  t.equal(isClosed, false);
  check.resolve(undefined);
  await closed;
});

await t.test(
  'pipelined commands are answered in order, also behind a half-closed socket',
  async (t) => {
    const { connect } = plainService;
    const client = await connect('plain');
    client.send('a NOOP\r\nb CAPABILITY\r\nc LOGOUT\r\n');
    client.socket.end();
    const tags = (await client.readToEnd()).map(({ text }) => text.split(' ', 1)[0]);
    t.same(tags, ['a', '*', 'b', '*', 'c']);
  },
);

await t.test('what a client that is gone had pipelined is not carried out', async (t) => {
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  let createCount = 0;
  const { connect, service, log } = await startImapService(t, {
    storeMethods: {
      createMailbox: async () => {
        createCount += 1;
        begun.resolve();
        await gate.promise;
        throw new StoreError('ALREADYEXISTS', 'There is such a mailbox already');
      },
    },
  });
  const client = await connect('plain');
  const tcp = client.socket;
  await client.ok('STARTTLS');
  await client.startTls();
  await client.login('alice', 'secret');
  client.send('a CREATE one\r\nb CREATE two\r\nc CREATE three\r\n');
  await begun.promise;
  tcp.resetAndDestroy();
  await until(() => service.connectionCount === 0);
  gate.resolve();
  await until(() => log.some(({ msg }) => msg === 'session ended'));
  t.equal(createCount, 1);
});

await t.test(
  'commands that cannot be read are BAD with their tag; too many in a row end it',
  async (t) => {
    const { login } = await startImapService(t, { limits: { maxBadCommands: 3 } });
    const client = await login();
    t.match(await client.command('FROBNICATE'), { status: 'BAD', text: /FROBNICATE/ });
    await client.ok('NOOP');
    t.match(await client.command('FETCH'), { status: 'BAD' });
    t.match(await client.command('SELECT'), { status: 'BAD' });
    client.send('z FROBNICATE\r\n');
    t.match((await client.readToEnd()).at(-1)?.text, /^\* BYE/);
  },
);

await t.test('small commands', async (t) => {
  const { login } = plainService;
  const client = await login();
  t.match(texts(await client.ok('ID ("name" "tap")')), [/^\* ID \("name" "Reprise" "version" "\d/]);
  t.same(texts(await client.ok('NAMESPACE')), ['* NAMESPACE (("" "/")) NIL NIL']);
  t.same(texts(await client.ok('ENABLE CONDSTORE X-OTHER')), ['* ENABLED CONDSTORE']);
  t.same(texts(await client.ok('ENABLE CONDSTORE')), ['* ENABLED']);
  await client.ok('SELECT INBOX');
  await client.ok('CHECK');
  await appendMessages(client, 'INBOX', 'one');
  t.match(texts(await client.ok('LOGOUT')), [/^\* BYE /]);
});

await t.test('log lines carry the ids of connection and session, never a password', async (t) => {
  const { login, log } = plainService;
  await (await login()).logout();
  const line = log.find(({ msg }) => msg === 'logged in');
  t.match(line, { connectionId: /^c\d+$/, sessionId: /^[0-9a-f]{12}$/, account: 'alice' });
  t.notMatch(JSON.stringify(log), /secret/);
});

await t.test('what is known of a mailbox is forgotten when nobody has it selected', async (t) => {
  let watchCount = 0;
  const { login, store } = await startImapService(t, {
    limits: { sweepIntervalMs: 5, feedRetentionMs: 0 },
    storeMethods: {
      async open(box, listener) {
        const opened = await store.open(box, listener);
        watchCount += 1;
        const close = () => {
          watchCount -= 1;
          opened.close();
        };
        return { ...opened, close };
      },
    },
  });
  const client = await login();
  await client.ok('SELECT INBOX');
  t.equal(watchCount, 1);
  await client.ok('UNSELECT');
  await until(() => watchCount === 0);
  await client.ok('SELECT INBOX');
  t.equal(watchCount, 1, 'it is read again');
});
