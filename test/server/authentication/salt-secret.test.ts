import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readSaltSecret } from '../../../server/authentication/salt-secret.ts';

function setUp() {
  const warnings: string[] = [];
  const warn = (_fields: object, text: string) => void warnings.push(text);
  return { warnings, logger: { warn } as Parameters<typeof readSaltSecret>[1] };
}

await t.test('it is made once, and nobody else may read it', async (t) => {
  const directory = t.testdir();
  const { logger, warnings } = setUp();
  const made = await readSaltSecret(directory, logger);
  t.equal(made.length, 32);
  t.strictSame(await readSaltSecret(directory, logger), made);
  const path = join(directory, 'salt-secret');
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.strictSame(new Uint8Array(readFileSync(path)), made);
  writeFileSync(path, 'cut');
  const other = await readSaltSecret(directory, logger);
  t.equal(other.length, 32, 'a broken one is made anew');
  t.strictSame(await readSaltSecret(directory, logger), other);
  t.strictSame(warnings, []);
});

await t.test(
  'without a directory, or where none can be kept, it is another each time',
  async (t) => {
    const { logger, warnings } = setUp();
    t.notSame(await readSaltSecret(undefined, logger), await readSaltSecret(undefined, logger));
    t.strictSame(warnings, []);
    const missing = join(t.testdir(), 'missing');
    t.notSame(await readSaltSecret(missing, logger), await readSaltSecret(missing, logger));
    t.equal(warnings.length, 2);
  },
);
