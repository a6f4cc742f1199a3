import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import t from 'tap';
import { readConfiguration } from '../../../server/config/read-configuration.ts';
import { openResumption, readSessionSecrets } from '../../../server/threads/open-resumption.ts';
import { noteOverwrittenBytes } from '../../fixtures/overwritten-bytes.ts';

await t.test('files are read as they are, in their order', async (t) => {
  const directory = t.testdir();
  const paths = ['new', 'old'].map((name) => join(directory, name));
  const secrets = [Buffer.alloc(32, 0x0a), Buffer.alloc(100, 7)];
  for (const [index, path] of paths.entries()) writeFileSync(path, secrets[index] ?? '');
  const read = await readSessionSecrets(paths);
  t.strictSame(
    read.secrets.map((secret) => Buffer.from(secret).toString('hex')),
    secrets.map((secret) => secret.toString('hex')),
  );
  t.strictSame(await readSessionSecrets([]), { secrets: [], warnings: [] });
});

await t.test('one that everybody can read is used, with a warning', async (t) => {
  const path = join(t.testdir(), 'secret');
  writeFileSync(path, Buffer.alloc(32));
  for (const [mode, shown] of [
    [0o600, undefined],
    [0o640, undefined],
    [0o644, '0644'],
    [0o602, '0602'],
  ] as const) {
    chmodSync(path, mode);
    const { secrets, warnings } = await readSessionSecrets([path]);
    t.equal(secrets.length, 1);
    const warning = `Everybody on this machine can use session secret "${path}" (mode ${shown}): change its mode to 0600`;
    t.strictSame(warnings, shown === undefined ? [] : [warning]);
  }
});

await t.test('what was read of them is overwritten once there are keys', async (t) => {
  const overwritten = noteOverwrittenBytes(t);
  const path = join(t.testdir(), 'secret');
  const secret = Buffer.alloc(32, 9);
  writeFileSync(path, secret);
  const environment = { REPRISE_SESSION_SECRET: path, REPRISE_SESSION_CACHE: 'tickets' };
  const configuration = readConfiguration({ environment });
  const resumption = await openResumption({
    configuration,
    logger: pino({ level: 'silent' }),
    clock: Date.now,
    workerCount: 0,
  });
  t.equal(overwritten.countOf(secret), 1);
  await resumption.close();
  t.equal(overwritten.countOf(secret), 2, 'and that of the keys in the end');
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
