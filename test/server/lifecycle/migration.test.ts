import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { schemaSteps } from '../../../store/sqlite/schema/schema.ts';
import { makeVersionDirectory } from '../../fixtures/data-directories/versions.ts';
import { startProcess } from './start-process.ts';

const freePorts = {
  REPRISE_HOST: '127.0.0.1',
  REPRISE_IMAP_PORT: '0',
  REPRISE_IMAPS_PORT: '-1',
  REPRISE_WORKERS: '0',
};

await t.test('a server migrates the store of an older version, and says so', async (t) => {
  for (const argv of [['serve'], ['serve', '--no-backup']]) {
    const dataDirectory = makeVersionDirectory(t, 1);
    const server = startProcess(argv, { ...freePorts, REPRISE_DATA: dataDirectory });
    t.match(await server.logged('migrating the mail store'), {
      fromVersion: 1,
      toVersion: schemaSteps.length,
    });
    t.match(await server.logged('migrated the mail store'), { version: schemaSteps.length });
    await server.logged('listening');
    const isBackedUp = existsSync(join(dataDirectory, 'mail-version-1.db'));
    t.equal(isBackedUp, argv.length === 1, argv.join(' '));
    server.child.kill('SIGTERM');
    t.equal(await server.exitCode, 0);
  }
});
