import t from 'tap';
import { makeCredentials } from '../../../../server/authentication/make-credentials.ts';
import { startTestServer } from '../../../../server/testing.ts';
import { ImapClient, type ImapClientOptions } from '../../../fixtures/imap-client.ts';
import { base64, clientBindings, loginByScram } from '../../../fixtures/scram-client.ts';

const user = 'user';
const password = 'pencil';
const server = await startTestServer({ accounts: { [user]: password, andré: 'IX \u00E9' } });
t.teardown(() => server.stop());

async function connect(tls: ImapClientOptions['tls'] = {}, port = server.imapsPort) {
  const client = await ImapClient.connect({ port, security: 'tls', tls });
  t.teardown(() => client.drop());
  return client;
}

await t.test('logs in, with an initial response and without', async (t) => {
  for (const isInitial of [true, false]) {
    const client = await connect();
    t.match(client.greeting, / AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 /);
    t.match(await loginByScram(client, { user, password, isInitial }), { status: 'OK' });
    await client.ok('SELECT INBOX');
  }
});

await t.test('a wrong password is refused, and the same words meet an unknown user', async (t) => {
  const client = await connect();
  const wrong = await loginByScram(client, { user, password: 'pencils' });
  t.match(wrong, { status: 'NO', text: /^\[AUTHENTICATIONFAILED\] Wrong user name or password$/ });
  const unknown = await loginByScram(client, { user: 'nobody', password });
  t.equal(unknown.text, wrong.text);
  t.match(await loginByScram(client, { user, password }), { status: 'OK' }, 'and goes on');
});

await t.test('the salt of an unknown user is as stable as that of an account', async (t) => {
  const [client, other] = [await connect(), await connect()];
  const salts: Record<string, (string | undefined)[]> = {};
  for (const name of ['user', 'USER', 'nobody', 'Nobody', 'no\u00ADbody', 'nobody2']) {
    const wrong = { user: name, password: 'wrong' };
    const results = [await loginByScram(client, wrong).catch(() => undefined)];
    results.push(await loginByScram(other, wrong).catch(() => undefined));
    salts[name] = results.map((result) => result?.salt);
    if (name === 'Nobody') break;
  }
  t.equal(salts['user']?.[0], salts['user']?.[1]);
  t.equal(salts['user']?.[0], salts['USER']?.[0]);
  t.equal(salts['nobody']?.[0], salts['nobody']?.[1]);
  t.equal(salts['nobody']?.[0], salts['Nobody']?.[0]);
  t.equal(Buffer.from(salts['nobody']?.[0] ?? '', 'base64').length, 16);
  t.not(salts['nobody']?.[0], salts['user']?.[0]);
  const third = await connect();
  const prepared = await loginByScram(third, { user: 'no\u00ADbody', password: 'wrong' });
  t.equal(prepared.salt, salts['nobody']?.[0]);
  t.not((await loginByScram(third, { user: 'nobody2', password })).salt, prepared.salt);
});

await t.test('names and passwords are prepared, by server and client', async (t) => {
  const andre = { user: 'andre\u0301', password: 'IX \u00E9' };
  t.match(await loginByScram(await connect(), andre), { status: 'OK' });
  const client = await connect();
  const literals = [Buffer.from('an\u00ADdr\u00E9'), ' ', Buffer.from('\u2168\u00A0e\u0301')];
  t.match(await client.command('LOGIN', ...literals), { status: 'OK' }, 'LOGIN too');
});

await t.test('many failures end the connection, as with passwords', async (t) => {
  const client = await connect();
  for (let count = 1; count <= 4; count += 1) {
    await loginByScram(client, { user, password: `wrong ${count}` });
  }
  await t.rejects(
    loginByScram(client, { user, password: 'wrong 5' }),
    /BYE Too many failed logins/,
  );
});

await t.test('each kind of channel binding, in full and resumed sessions', async (t) => {
  const kinds = [
    { version: 'TLSv1.3', type: 'tls-exporter' },
    { version: 'TLSv1.3', type: 'tls-server-end-point' },
    { version: 'TLSv1.2', type: 'tls-exporter' },
    { version: 'TLSv1.2', type: 'tls-unique' },
    { version: 'TLSv1.2', type: 'tls-server-end-point' },
  ] as const;
  for (const { version, type } of kinds) {
    let session: Buffer | undefined;
    // A client that resumes remembers the certificate that it was shown.
    let endPoint: Buffer | undefined;
    for (const isResumed of [false, true]) {
      const client = await connect({
        maxVersion: version,
        ...(session !== undefined && { session }),
      });
      t.equal(client.isResumed, isResumed);
      endPoint ??= clientBindings['tls-server-end-point'](client.tlsSocket);
      const binding =
        type === 'tls-server-end-point' ? endPoint : clientBindings[type](client.tlsSocket);
      const login = { user, password, header: `p=${type},,`, binding };
      const faked = await loginByScram(client, {
        ...login,
        binding: Buffer.alloc(binding.length, 7),
      });
      t.match(faked, { status: 'NO', text: /^\[AUTHENTICATIONFAILED\]/ }, `${type} faked`);
      const unbound = await loginByScram(client, { ...login, binding: Buffer.alloc(0) });
      t.match(unbound, { status: 'NO' }, `${type} left out`);
      const name = `${type} over ${version}${isResumed ? ', resumed' : ''}`;
      t.match(await loginByScram(client, login), { status: 'OK' }, name);
      await client.ok('NOOP');
      session = client.sessions.at(-1) ?? client.tlsSocket.getSession();
      client.send('x LOGOUT\r\n');
      await client.readToEnd();
    }
  }
});

await t.test('a login that was bound to another connection is refused', async (t) => {
  const victim = await connect();
  const client = await connect();
  const result = await loginByScram(client, {
    user,
    password,
    header: 'p=tls-exporter,,',
    binding: clientBindings['tls-exporter'](victim.tlsSocket),
  });
  t.match(result, { status: 'NO', text: /^\[AUTHENTICATIONFAILED\]/ });
});

await t.test('the type of TLS 1.2 is none of TLS 1.3, and others are unknown', async (t) => {
  const client = await connect();
  const binding = clientBindings['tls-unique'](client.tlsSocket);
  const unique = { user, password, header: 'p=tls-unique,,', binding };
  t.match(await loginByScram(client, unique), { status: 'NO' });
  const empty = { ...unique, binding: Buffer.alloc(0) };
  t.match(await loginByScram(client, empty), { status: 'NO' });
  const other = { ...unique, header: 'p=tls-other,,' };
  t.match(await loginByScram(client, other), {
    status: 'NO',
    text: /^Expected a channel binding of/,
  });
});

await t.test('a client from which -PLUS was hidden is told', async (t) => {
  const client = await connect();
  const downgraded = await loginByScram(client, { user, password, header: 'y,,' });
  t.match(downgraded, { status: 'NO', text: /^\[AUTHENTICATIONFAILED\] .*hidden/ });
  const bound = { user, password, header: 'p=tls-exporter,,' };
  const binding = clientBindings['tls-exporter'](client.tlsSocket);
  for (const login of [
    { ...bound, binding, mechanism: 'SCRAM-SHA-256' },
    { user, password, header: 'n,,', mechanism: 'SCRAM-SHA-256-PLUS' },
    { user, password, header: 'y,,', mechanism: 'SCRAM-SHA-256-PLUS' },
  ]) {
    const { status } = await loginByScram(client, login);
    t.equal(status, 'NO', `${login.mechanism} with ${login.header}`);
  }
  const plusless = await startTestServer({
    accounts: { [user]: password },
    capabilitiesOff: ['AUTH=SCRAM-SHA-256-PLUS'],
  });
  t.teardown(() => plusless.stop());
  const there = await connect({}, plusless.imapsPort);
  t.notMatch(there.greeting, /-PLUS/);
  t.match(await loginByScram(there, { ...bound, binding: Buffer.alloc(32) }), { status: 'NO' });
  t.match(await loginByScram(there, { user, password, header: 'y,,' }), { status: 'OK' });
});

await t.test('the last message must belong to the first', async (t) => {
  const client = await connect();
  const first = await loginByScram(client, { user, password, last: 'AA==' });
  t.match(first, { status: 'BAD' }, 'more than nothing behind the proof of the server');
  const replayed = await loginByScram(client, {
    user,
    password,
    changeFinal: () => first.final ?? '',
  });
  t.match(replayed, { status: 'NO', text: /^\[AUTHENTICATIONFAILED\]/ }, 'replayed');
  const other = await loginByScram(client, {
    user,
    password,
    changeFinal: (text) => text.replace(/c=[^,]+/, `c=${base64('y,,')}`),
  });
  t.match(other, { status: 'NO' }, 'another header');
  const short = await loginByScram(client, {
    user,
    password,
    changeFinal: (text) => text.replace(/,r=([^,]{30})[^,]*/, ',r=$1'),
  });
  t.match(short, { status: 'NO' }, 'only a part of the nonce');
  const proofless = await loginByScram(client, {
    user,
    password,
    changeFinal: (text) => text.replace(/,p=.*/, ''),
  });
  t.match(proofless, { status: 'BAD', text: /a proof/ });
  t.match(await loginByScram(client, { user, password }), { status: 'OK' });
});

await t.test('a login is not kept half done beyond a change of the password', async (t) => {
  const changing = await startTestServer({ accounts: { [user]: password } });
  t.teardown(() => changing.stop());
  const login = { user, password };
  const credentials = await makeCredentials('another');
  const beforeLast = () => changing.server.store.changeCredentials(user, credentials);
  const late = await loginByScram(await connect({}, changing.imapsPort), { ...login, beforeLast });
  t.match(late, { status: 'NO', text: /^\[AUTHENTICATIONFAILED\]/ });
});

await t.test('nobody acts for another one', async (t) => {
  const client = await connect();
  const other = await loginByScram(client, { user, password, header: 'n,a=andr\u00E9,' });
  t.match(other, { status: 'NO', text: /^\[AUTHORIZATIONFAILED\]/ });
  const unproved = await loginByScram(client, { user, password: 'x', header: 'n,a=andr\u00E9,' });
  t.match(unproved, { status: 'NO', text: /^\[AUTHENTICATIONFAILED\]/ });
  t.match(await loginByScram(client, { user, password, header: 'n,a=USER,' }), { status: 'OK' });
});

await t.test('an exchange is cancelled, pipelined, or nonsense', async (t) => {
  const client = await connect();
  const first = base64('n,,n=user,r=abc');
  client.send(`a AUTHENTICATE SCRAM-SHA-256 ${first}\r\n*\r\nb NOOP\r\n`);
  t.match((await client.read()).text, /^\+ /);
  t.match((await client.read()).text, /^a BAD /);
  t.match((await client.read()).text, /^b OK /);
  // Who cannot know the nonce pipelines in vain.
  const blind = base64(`c=biws,r=abc,p=${base64('x'.repeat(32))}`);
  client.send(`c AUTHENTICATE SCRAM-SHA-256 ${first}\r\n${blind}\r\nd NOOP\r\n`);
  t.match((await client.read()).text, /^\+ /);
  t.match((await client.read()).text, /^c NO \[AUTHENTICATIONFAILED\]/);
  t.match((await client.read()).text, /^d OK /);
  for (const [response, answer] of [
    ['=', /^e BAD Expected a GS2 header/],
    [base64('n,,m=1,n=user,r=abc'), /^e BAD Expected a user name/],
    [base64('n,,n=us=er,r=abc'), /^e BAD/],
    [Buffer.from([0xff, 0xfe]).toString('base64'), /^e BAD .*UTF-8/],
    ['!!!!', /^e BAD/],
  ] as const) {
    client.send(`e AUTHENTICATE SCRAM-SHA-256 ${response}\r\n`);
    t.match((await client.read()).text, answer);
  }
  const wide = base64(`n,,n=user,r=abc,${'x=1,'.repeat(1_000)}x=1`);
  client.send(`f AUTHENTICATE SCRAM-SHA-256 ${wide}\r\n*\r\n`);
  t.match((await client.read()).text, /^\+ /);
  t.match((await client.read()).text, /^f BAD/);
  client.send(`g AUTHENTICATE SCRAM-SHA-256\r\n${'A'.repeat(20_000)}`);
  t.match((await client.readToEnd()).at(-1)?.text, /^\* BYE/, 'a line without end');
});

await t.test('needs TLS', async (t) => {
  const port = server.imapPort;
  const client = await ImapClient.connect({ port, security: 'plain' });
  t.notMatch(client.greeting, /SCRAM/);
  const { status, text } = await loginByScram(client, { user, password });
  t.match(`${status} ${text}`, /^NO \[PRIVACYREQUIRED\]/);
  await client.drop();
});
