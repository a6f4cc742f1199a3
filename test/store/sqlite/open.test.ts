import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openSqliteStore } from '../../../store/sqlite/open.ts';
import { makeDataDirectory } from '../../fixtures/sqlite-store.ts';

const storeModule = new URL('../../../store/sqlite/open.ts', import.meta.url).href;

await t.test(
  'an open store does not keep a process running, an unanswered request does',
  async (t) => {
    const dataDirectory = makeDataDirectory(t);
    const program = `
    import { openSqliteStore } from '${storeModule}';
    const store = await openSqliteStore({ dataDirectory: process.argv[1] });
    store.createAccount('alice', { argon2id: '', scramSha256: '' }).then(({ name }) => console.log(name));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, dataDirectory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (octets: Buffer) => {
      output += octets.toString();
    });
    t.same(await once(child, 'close'), [0, null]);
    t.equal(output, 'alice\n');
    const store = await openSqliteStore({ dataDirectory });
    t.equal((await store.findAccount('alice'))?.name, 'alice');
    await store.close();
  },
);

await t.test('two stores in one process', async (t) => {
  const directories = [makeDataDirectory(t), join(makeDataDirectory(t), 'made', 'too')];
  const stores = await Promise.all(
    directories.map((dataDirectory) => openSqliteStore({ dataDirectory })),
  );
  await stores[0]!.createAccount('alice', { argon2id: '', scramSha256: '' });
  t.same(await stores[1]!.listAccounts(), []);
  await Promise.all(stores.map((store) => store.close()));
  t.equal(statSync(directories[1]!).mode & 0o777, 0o700);
});

await t.test('a directory that cannot be made', async (t) => {
  const dataDirectory = join(makeDataDirectory(t), 'file');
  await (await openSqliteStore({ dataDirectory })).close();
  await t.rejects(openSqliteStore({ dataDirectory: join(dataDirectory, 'mail.db') }), {
    code: /EEXIST|ENOTDIR/,
  });
});
