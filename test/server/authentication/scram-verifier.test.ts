import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import t from 'tap';
import {
  clientKeyOf,
  defaultScramIterations,
  isClientKeyOf,
  makeScramVerifier,
  parseScramVerifier,
  signAsServer,
  unmatchedScramKeys,
} from '../../../server/authentication/scram-verifier.ts';
import { noteOverwrittenBytes } from '../../fixtures/overwritten-bytes.ts';

// The exchange of RFC 7677, section 3: user "user", password "pencil".
const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
const authMessage = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=${nonce}`;
const clientProof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64');
const serverSignature = '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=';

function parse(verifier: string) {
  const match = /^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)$/.exec(verifier);
  const [, iterations, saltText, storedKey = '', serverKey = ''] = match ?? [];
  return {
    iterations: Number(iterations),
    saltText,
    storedKey: Buffer.from(storedKey, 'base64'),
    serverKey: Buffer.from(serverKey, 'base64'),
  };
}

await t.test('Cyrus SASL accepts the iterations', (t) => {
  // It refuses to compute more.
  t.ok(defaultScramIterations <= 0x10000);
  t.end();
});

await t.test('the verifier accepts the exchange of RFC 7677', async (t) => {
  const verifier = parse(await makeScramVerifier('pencil', { iterations: 4096, salt }));
  t.equal(verifier.iterations, 4096);
  t.equal(verifier.saltText, salt.toString('base64'));
  t.equal(
    createHmac('sha256', verifier.serverKey).update(authMessage).digest('base64'),
    serverSignature,
  );
  const clientSignature = createHmac('sha256', verifier.storedKey).update(authMessage).digest();
  const clientKey = clientProof.map((byte, at) => byte ^ (clientSignature[at] ?? 0));
  t.strictSame(createHash('sha256').update(clientKey).digest(), verifier.storedKey);
});

await t.test('what a verifier is made of is overwritten', async (t) => {
  const overwritten = noteOverwrittenBytes(t);
  await makeScramVerifier('pencil', { iterations: 4096, salt });
  const saltedPassword = pbkdf2Sync('pencil', salt, 4096, 32, 'sha256');
  const clientKey = createHmac('sha256', saltedPassword).update('Client Key').digest();
  for (const bytes of ['pencil', saltedPassword, clientKey]) {
    t.equal(overwritten.countOf(bytes), 1);
  }
});

await t.test('another password gives other keys, the same one another salt', async (t) => {
  const one = parse(await makeScramVerifier('pencil', { iterations: 4096, salt }));
  const other = parse(await makeScramVerifier('pencils', { iterations: 4096, salt }));
  t.notSame(one.storedKey, other.storedKey);
  t.not(await makeScramVerifier('pencil'), await makeScramVerifier('pencil'));
});

await t.test('the exchange of RFC 7677, on the side of the server', async (t) => {
  const keys = parseScramVerifier(await makeScramVerifier('pencil', { iterations: 4096, salt }));
  if (keys === undefined) throw new Error('It cannot be read');
  t.match(keys, { iterations: 4096, salt });
  t.ok(isClientKeyOf(keys, clientKeyOf(keys, authMessage, clientProof)));
  t.notOk(isClientKeyOf(keys, clientKeyOf(keys, `${authMessage}.`, clientProof)));
  t.equal(signAsServer(keys, authMessage).toString('base64'), serverSignature);
});

await t.test('what is no verifier', async (t) => {
  const verifier = await makeScramVerifier('pencil', { iterations: 4096, salt });
  for (const text of [
    '',
    verifier.replace('256', '1'),
    verifier.replace('4096', '999'),
    verifier.replace('4096', '0x1000'),
    verifier.slice(0, -1),
    `${verifier} `,
  ]) {
    t.equal(parseScramVerifier(text), undefined, text);
  }
});

await t.test('the keys of a name without account are always the same', async (t) => {
  const secret = new Uint8Array(32).fill(7);
  const keys = unmatchedScramKeys(secret, 'nobody');
  t.strictSame(unmatchedScramKeys(secret, 'nobody'), keys);
  t.equal(keys.salt.length, 16);
  t.equal(keys.iterations, defaultScramIterations);
  t.notSame(unmatchedScramKeys(secret, 'nobody2').salt, keys.salt);
  t.notSame(unmatchedScramKeys(new Uint8Array(32), 'nobody').salt, keys.salt);
  t.notSame(keys.storedKey, keys.serverKey);
});
