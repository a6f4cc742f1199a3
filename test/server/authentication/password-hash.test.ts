import t from 'tap';
import {
  defaultArgon2Parameters,
  hashPassword,
  isPasswordOf,
  PasswordHashError,
} from '../../../server/authentication/password-hash.ts';
import { noteOverwrittenBytes } from '../../fixtures/overwritten-bytes.ts';

const cheap = { memoryKiB: 64, passes: 1, parallelism: 1 };

await t.test('a hash is a PHC string with the parameters that made it', async (t) => {
  const hash = await hashPassword('secret');
  const { memoryKiB, passes, parallelism } = defaultArgon2Parameters;
  t.match(
    hash,
    new RegExp(
      `^\\$argon2id\\$v=19\\$m=${memoryKiB},t=${passes},p=${parallelism}\\$[A-Za-z0-9+/]{22}\\$[A-Za-z0-9+/]{43}$`,
    ),
  );
  t.ok(await isPasswordOf('secret', hash));
  t.notOk(await isPasswordOf('Secret', hash));
  t.notOk(await isPasswordOf('', hash));
});

await t.test('password and hash are overwritten when they were compared', async (t) => {
  const overwritten = noteOverwrittenBytes(t);
  const phcString = await hashPassword('secret', cheap);
  t.equal(overwritten.countOf('secret'), 1);
  for (const password of ['secret', 'other']) await isPasswordOf(password, phcString);
  t.equal(overwritten.countOf('secret'), 2);
  t.equal(overwritten.countOf('other'), 1);
  const hash = Buffer.from(phcString.split('$').at(-1)!, 'base64');
  t.equal(overwritten.countOf(hash), 1);
});

await t.test('the same password never gives the same hash', async (t) => {
  t.not(await hashPassword('secret', cheap), await hashPassword('secret', cheap));
});

await t.test(
  'a hash made by the reference implementation (argon2 -id -t 2 -k 65536 -p 1)',
  async (t) => {
    // From the test vectors of phc-winner-argon2: "password", salt "somesalt".
    const hash =
      '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
    t.ok(await isPasswordOf('password', hash));
    t.notOk(await isPasswordOf('differentpassword', hash));
  },
);

await t.test('a string that is not a hash, or too costly, is refused and not shown', async (t) => {
  const good = await hashPassword('secret', cheap);
  for (const text of [
    '',
    'secret',
    good.replace('argon2id', 'argon2i'),
    good.replace('m=64', 'm=99999999'),
    good.replace('t=1', 't=999'),
    good.replace('p=1', 'p=999'),
    `${good}x`.repeat(4),
  ]) {
    await t.rejects(isPasswordOf('secret', text), PasswordHashError);
  }
  t.notMatch(new PasswordHashError().message, '$');
});
