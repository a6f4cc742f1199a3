import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readSessionSecrets } from '../../../server/threads/open-resumption.ts';

await t.test('files are read as they are, in their order', async (t) => {
  const directory = t.testdir();
  const paths = ['new', 'old'].map((name) => join(directory, name));
  const secrets = [Buffer.alloc(32, 0x0a), Buffer.alloc(100, 7)];
  for (const [index, path] of paths.entries()) writeFileSync(path, secrets[index] ?? '');
  t.strictSame(
    (await readSessionSecrets(paths)).map((secret) => Buffer.from(secret).toString('hex')),
    secrets.map((secret) => secret.toString('hex')),
  );
  t.strictSame(await readSessionSecrets([]), []);
});

await t.test('one that is missing or short is refused in one line, without its text', async (t) => {
  const directory = t.testdir({ short: 'hunter2' });
  await t.rejects(readSessionSecrets([join(directory, 'missing')]), {
    name: 'ConfigurationError',
    message: `Cannot use secret "${join(directory, 'missing')}" of REPRISE_SESSION_SECRET: ENOENT`,
  });
  await t.rejects(readSessionSecrets([join(directory, 'short')]), {
    message: /: it has "7" bytes, at least 32 random ones are needed$/,
  });
});
