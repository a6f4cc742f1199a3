import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  tokenClockToleranceSeconds,
  tokenKeyLimits,
} from '../../../server/authentication/limits.ts';
import { TokenKeysError } from '../../../server/authentication/token-keys.ts';
import {
  JwtVerifier,
  type JwtVerifierOptions,
  TokenRefusedError,
} from '../../../server/authentication/token-verifier.ts';
import { audience, issuer, TokenIssuer } from '../../fixtures/token-issuer.ts';

async function setUp(t: Test, options: Partial<JwtVerifierOptions> = {}) {
  const tokens = await TokenIssuer.start(t);
  const time = { nowMs: 1_000_000 };
  const errors: unknown[] = [];
  const verifier = new JwtVerifier({
    issuer,
    audiences: ['other', audience],
    keys: tokens.url,
    claim: 'email',
    clock: () => time.nowMs,
    onError: (error) => void errors.push(error),
    ...options,
  });
  return { tokens, time, errors, verifier };
}

await t.test('a token of the issuer counts', async (t) => {
  const { tokens, verifier } = await setUp(t);
  const exp = Math.floor(Date.now() / 1000) + 60;
  t.strictSame(await verifier.verify(await tokens.token({ email: 'alice@example.org', exp })), {
    userName: 'alice@example.org',
    expiresAt: (exp + tokenClockToleranceSeconds) * 1000,
  });
  t.match(await verifier.verify(await tokens.token({ email: 'a', aud: ['x', audience] })), {
    userName: 'a',
  });
  t.equal(tokens.requestCount, 1, 'the keys are kept');
  t.equal(verifier.configurationUrl, `${issuer}/.well-known/openid-configuration`);
});

await t.test('RSA and Ed25519 keys, and another claim', async (t) => {
  const { tokens, verifier } = await setUp(t, { claim: 'sub' });
  await tokens.addKey('rsa', 'RS256');
  await tokens.addKey('pss', 'PS256');
  await tokens.addKey('ed', 'EdDSA');
  for (const kid of ['rsa', 'pss', 'ed']) {
    const token = await tokens.token({ sub: kid, email: 'x' }, kid);
    t.match(await verifier.verify(token), { userName: kid });
  }
});

await t.test('what does not count', async (t) => {
  const { tokens, verifier } = await setUp(t);
  const stranger = await TokenIssuer.start(t);
  const nowSeconds = Math.floor(Date.now() / 1000);
  const email = 'alice';
  const good = await tokens.token({ email });
  const cases: readonly (readonly [name: string, token: string, reason: RegExp])[] = [
    ['expired', await tokens.token({ email, exp: nowSeconds - 60 }), /JWT_EXPIRED exp/],
    ['without an end', await tokens.token({ email, exp: undefined as unknown as number }), /exp/],
    ['not yet', await tokens.token({ email, nbf: nowSeconds + 60 }), /nbf/],
    ['for others', await tokens.token({ email, aud: 'another' }), /aud/],
    ['for nobody', await tokens.token({ email, aud: undefined as unknown as string }), /aud/],
    ['of another issuer', await tokens.token({ email, iss: `${issuer}/` }), /iss/],
    ['of a stranger', await stranger.token({ email }), /SIGNATURE/],
    ['changed', good.replace(/\.[^.]{4}/, '.AAAA'), /./],
    ['no token', 'abc', /INVALID/],
    ['encrypted', `${good}.a.b`, /INVALID/],
    ['without a name', await tokens.token({}), /no claim "email"/],
    ['with a list as name', await tokens.token({ email: ['alice'] }), /no claim "email"/],
    ['not verified', await tokens.token({ email, email_verified: false }), /not verified/],
    ['the same as text', await tokens.token({ email, email_verified: 'false' }), /not verified/],
    ['too long', `${good}${'A'.repeat(20_000)}`, /too long/],
    ['without a signature', (await tokens.forged({ email }))[0]!, /ALG/],
    ['with the public key as secret', (await tokens.forged({ email }))[1]!, /ALG/],
  ];
  for (const [name, token, reason] of cases) {
    const error = await verifier.verify(token).catch((refusal: unknown) => refusal);
    t.ok(error instanceof TokenRefusedError, name);
    t.match((error as Error).message, reason, name);
    t.notOk((error as Error).message.includes(token.slice(0, 20)), 'the token is not in it');
  }
  t.match(await verifier.verify(await tokens.token({ email, nbf: nowSeconds + 20 })), {});
});

await t.test('keys of a file, which may change', async (t) => {
  const path = join(t.testdir(), 'keys.json');
  const { tokens, verifier, time, errors } = await setUp(t, { keys: path });
  const token = await tokens.token({ email: 'alice' });
  await t.rejects(verifier.verify(token), TokenKeysError);
  t.match(errors, [{ code: 'ENOENT' }]);
  writeFileSync(path, JSON.stringify({ keys: tokens.keys }));
  await t.rejects(verifier.verify(token), TokenKeysError, 'not tried again at once');
  time.nowMs += tokenKeyLimits.cooldownMs;
  t.match(await verifier.verify(token), { userName: 'alice' });
  t.equal(errors.length, 1);
});

await t.test('a key that is not known is looked for, but not each time', async (t) => {
  const { tokens, verifier, time } = await setUp(t);
  await verifier.verify(await tokens.token({ email: 'alice' }));
  await tokens.addKey('two');
  const token = await tokens.token({ email: 'alice' }, 'two');
  await t.rejects(verifier.verify(token), { message: 'unknown key' });
  t.equal(tokens.requestCount, 1, 'just read');
  time.nowMs += tokenKeyLimits.cooldownMs;
  const both = await Promise.all([verifier.verify(token), verifier.verify(token)]);
  t.match(both, [{ userName: 'alice' }, { userName: 'alice' }]);
  t.equal(tokens.requestCount, 2, 'once for both');
});

await t.test('an issuer that is down keeps nobody out whose key is known', async (t) => {
  const { tokens, verifier, time, errors } = await setUp(t);
  const token = await tokens.token({ email: 'alice' });
  await verifier.verify(token);
  time.nowMs += tokenKeyLimits.lifetimeMs;
  const gate = Promise.withResolvers<{ status: number; body: string }>();
  tokens.answer = () => gate.promise;
  t.match(await verifier.verify(token), { userName: 'alice' }, 'while they are read again');
  gate.resolve({ status: 500, body: '' });
  while (errors.length === 0) await new Promise(setImmediate);
  t.match(errors, [{ message: /answers 500/ }]);
  t.match(await verifier.verify(token), { userName: 'alice' });
  t.equal(tokens.requestCount, 2);
});

await t.test('what is no key set is an error that is told', async (t) => {
  for (const [status, body, reason] of [
    [404, '', /answers 404/],
    [200, 'no JSON', /JSON/],
    [200, '[]', /no "keys"/],
    [200, '{"keys":[null]}', /without "kty"/],
    [200, '{"keys":[{"kid":"one"}]}', /without "kty"/],
    [200, `"${'A'.repeat(tokenKeyLimits.maxBytes)}"`, /too much/],
    [302, '', /./],
  ] as const) {
    const { tokens, verifier, errors } = await setUp(t);
    tokens.answer = async () => ({ status, body });
    await t.rejects(verifier.verify(await tokens.token({ email: 'alice' })), TokenKeysError);
    t.equal(errors.length, 1);
    t.match((errors[0] as Error).message, reason, `${status} ${body.slice(0, 10)}`);
  }
});
