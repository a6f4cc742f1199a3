import t from 'tap';
import { tokenClockToleranceSeconds } from '../../../../server/authentication/limits.ts';
import { JwtVerifier } from '../../../../server/authentication/token-verifier.ts';
import type { ImapClient } from '../../../fixtures/imap-client.ts';
import { startImapService } from '../../../fixtures/imap-service.ts';
import { audience, issuer, TokenIssuer } from '../../../fixtures/token-issuer.ts';

const tokens = await TokenIssuer.start(t);
const time = { wallMs: Date.now(), steadyMs: 1_000 };
const settings = { issuer, audiences: [audience], claim: 'email' };
const verifier = new JwtVerifier({ ...settings, keys: tokens.url, onError: () => {} });
const { connect, log } = await startImapService(t, {
  tokens: verifier,
  clock: () => time.wallMs,
  steadyClock: () => time.steadyMs,
  limits: { sweepIntervalMs: 5 },
});

const bearer = (token: string, authorizationId = 'a=alice') =>
  `n,${authorizationId},\u0001host=localhost\u0001port=993\u0001auth=Bearer ${token}\u0001\u0001`;
const google = (token: string, user = 'alice') =>
  `user=${user}\u0001auth=Bearer ${token}\u0001\u0001`;

/** Sends one message, answers a failure with `dummy`, and tells what came. */
async function authenticate(
  client: ImapClient,
  mechanism: string,
  message: string,
  { isInitial = true, dummy = 'AQ==' } = {},
) {
  const encoded = Buffer.from(message).toString('base64');
  client.send(`a AUTHENTICATE ${mechanism}${isInitial ? ` ${encoded}` : ''}\r\n`);
  if (!isInitial) {
    if ((await client.read()).text !== '+ ') throw new Error('No empty challenge');
    client.send(`${encoded}\r\n`);
  }
  const { text } = await client.read();
  if (!text.startsWith('+ ')) return { answer: text };
  client.send(`${dummy}\r\n`);
  const failure = JSON.parse(Buffer.from(text.slice(2), 'base64').toString()) as unknown;
  return { failure, answer: (await client.read()).text };
}

await t.test('logs in by both mechanisms, with an initial response and without', async (t) => {
  const token = await tokens.token({ email: 'Alice' });
  for (const isInitial of [true, false]) {
    for (const [mechanism, message] of [
      ['OAUTHBEARER', bearer(token)],
      ['OAUTHBEARER', bearer(token, '')],
      ['XOAUTH2', google(token)],
    ] as const) {
      const client = await connect();
      t.match(client.greeting, / AUTH=OAUTHBEARER AUTH=XOAUTH2 /);
      t.match(await authenticate(client, mechanism, message, { isInitial }), {
        answer: /^a OK \[CAPABILITY/,
      });
      await client.ok('SELECT INBOX');
    }
  }
});

await t.test('a token that does not count is refused in JSON, then by the answer', async (t) => {
  const failure = {
    status: 'invalid_token',
    'openid-configuration': `${issuer}/.well-known/openid-configuration`,
  };
  const expired = await tokens.token({ email: 'alice', exp: 1_000_000 });
  for (const [mechanism, message] of [
    ['OAUTHBEARER', bearer(expired)],
    ['OAUTHBEARER', bearer(await tokens.token({ email: 'bob' }))],
    ['OAUTHBEARER', bearer(await tokens.token({ email: 'nobody' }), '')],
    ['OAUTHBEARER', bearer(await tokens.token({ email: 'nobody' }), 'a=nobody')],
    ['XOAUTH2', google(expired)],
    ['XOAUTH2', google(await tokens.token({ email: 'bob' }))],
  ] as const) {
    for (const dummy of ['AQ==', '', '*']) {
      const client = await connect();
      const told = await authenticate(client, mechanism, message, { dummy });
      t.strictSame(told.failure, failure);
      t.match(told.answer, /^a NO \[AUTHENTICATIONFAILED\]/, message.slice(0, 20));
      await client.ok('LOGIN alice secret');
    }
  }
  const client = await connect();
  for (let count = 0; count < 4; count += 1) {
    await authenticate(client, 'OAUTHBEARER', bearer(expired));
  }
  const last = await authenticate(client, 'OAUTHBEARER', bearer(expired));
  t.match(last.answer, /^\* BYE Too many failed logins/);
  const lines = log.filter(({ msg }) => msg === 'login refused');
  t.match(lines[0], { userName: 'alice', reason: 'ERR_JWT_EXPIRED exp', address: '127.0.0.1' });
  t.equal(lines.length, 3, 'a flood of them does not fill the disk');
  t.notOk(JSON.stringify(log).includes(expired.slice(0, 30)), 'no token in the log');
});

await t.test('what is no message', async (t) => {
  const client = await connect();
  const token = await tokens.token({ email: 'alice' });
  for (const [mechanism, message] of [
    ['OAUTHBEARER', ''],
    ['OAUTHBEARER', google(token)],
    ['OAUTHBEARER', bearer(token).replace(/^n/, 'p=tls-exporter')],
    ['OAUTHBEARER', bearer(token).replace(/\u0001$/, '')],
    ['OAUTHBEARER', bearer(token).replace('Bearer', 'Basic')],
    ['OAUTHBEARER', bearer('two words')],
    ['OAUTHBEARER', bearer(token).replace('auth=', 'oath=')],
    ['XOAUTH2', google(token, '')],
    ['XOAUTH2', bearer(token)],
  ] as const) {
    const told = await authenticate(client, mechanism, message, { isInitial: message !== '' });
    t.strictSame(told.failure, { status: 'invalid_request' }, message.slice(0, 30));
    t.match(told.answer, /^a BAD Expected a bearer token/);
  }
});

await t.test('the connection ends when the token does', async (t) => {
  const client = await connect();
  const other = await connect();
  await other.ok('LOGIN alice secret');
  const exp = Math.floor(time.wallMs / 1000) + 100;
  await authenticate(client, 'OAUTHBEARER', bearer(await tokens.token({ email: 'alice', exp })));
  time.steadyMs += 99_000 + tokenClockToleranceSeconds * 1000;
  await client.ok('NOOP');
  time.steadyMs += 2_000;
  t.match((await client.readToEnd()).at(-1)?.text, /^\* BYE Your token has expired/);
  await other.ok('NOOP');
});

await t.test(
  'a token that has expired by a clock that is ahead logs in, and not for a moment only',
  async (t) => {
    const [client, shorter] = [await connect(), await connect()];
    const now = Math.floor(time.wallMs / 1000);
    for (const [each, leftSeconds] of [
      [client, 10],
      [shorter, 5],
    ] as const) {
      const exp = now - tokenClockToleranceSeconds + leftSeconds;
      await authenticate(each, 'OAUTHBEARER', bearer(await tokens.token({ email: 'alice', exp })));
    }
    time.steadyMs += 8_000;
    t.match((await shorter.readToEnd()).at(-1)?.text, /^\* BYE Your token has expired/);
    await client.ok('NOOP');
    time.steadyMs += 3_000;
    t.match((await client.readToEnd()).at(-1)?.text, /^\* BYE Your token has expired/);
  },
);

await t.test('while the keys cannot be read others log in, and it is said so', async (t) => {
  const slow = await TokenIssuer.start(t);
  const gate = Promise.withResolvers<{ status: number; body: string }>();
  slow.answer = () => gate.promise;
  const errors: unknown[] = [];
  const waiting = new JwtVerifier({
    ...settings,
    keys: slow.url,
    onError: (error) => void errors.push(error),
  });
  const service = await startImapService(t, { tokens: waiting });
  const client = await service.connect();
  const token = await slow.token({ email: 'alice' });
  const refused = authenticate(client, 'OAUTHBEARER', bearer(token));
  await (await service.connect()).ok('LOGIN bob secret');
  gate.resolve({ status: 503, body: '' });
  t.match(await refused, { answer: /^a NO \[UNAVAILABLE\] Cannot check tokens now/ });
  t.equal(errors.length, 1);
});

await t.test('without an issuer it is not there', async (t) => {
  const service = await startImapService(t);
  const client = await service.connect();
  t.notMatch(client.greeting, /OAUTH/);
  t.match(await client.command('AUTHENTICATE OAUTHBEARER'), { status: 'NO' });
  t.match(await client.command('AUTHENTICATE XOAUTH2'), { status: 'NO' });
});
