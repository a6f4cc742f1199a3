import t from 'tap';
import {
  makeCredentials,
  UnusablePasswordError,
} from '../../../server/authentication/make-credentials.ts';
import { isPasswordOf } from '../../../server/authentication/password-hash.ts';

const cost = { argon2: { memoryKiB: 64, passes: 1, parallelism: 1 }, scramIterations: 4096 };

await t.test('both verifiers are of the prepared password', async (t) => {
  const credentials = await makeCredentials('I\u00ADX', cost);
  t.ok(await isPasswordOf('IX', credentials.argon2id));
  t.match(credentials.scramSha256, /^SCRAM-SHA-256\$4096:/);
});

await t.test('a password that cannot be used is refused without being shown', async (t) => {
  await t.rejects(makeCredentials('', cost), UnusablePasswordError);
  const error = await makeCredentials('hush\0hush', cost).catch((reason: unknown) => reason);
  t.ok(error instanceof UnusablePasswordError);
  t.equal(
    (error as Error).message,
    'Cannot use this password: it has control characters, or others that cannot be typed everywhere',
  );
});
