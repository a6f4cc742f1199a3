import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import t, { type Test } from 'tap';
import { openSqliteStore } from '../../../store/sqlite/open.ts';
import { Database } from '../../../store/sqlite/database.ts';
import { startServerProcess } from '../../fixtures/server-process.ts';
import { reprise } from '../cli/reprise.ts';
import { startProcess } from './start-process.ts';

const nobody = 65_534;
const freePorts = {
  REPRISE_HOST: '127.0.0.1',
  REPRISE_IMAP_PORT: '0',
  REPRISE_IMAPS_PORT: '0',
  REPRISE_ADMIN_PORT: '-1',
};

/** Starts a server that must fail, with one line on standard error beside the log. */
async function failure(t: Test, environment: Readonly<Record<string, string>>): Promise<string> {
  const result = await reprise(
    ['serve'],
    { ...freePorts, REPRISE_LOG_LEVEL: 'silent', ...environment },
    { deadlineMs: 15_000 },
  );
  t.equal(result.code, 1, 'exit code');
  t.equal(result.errors.length, 1, 'one line');
  t.equal(result.stdout, '');
  return result.errors[0] ?? '';
}

await t.test('a port that another program has', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => other.close());
  const port = String((other.address() as AddressInfo).port);
  for (const key of ['REPRISE_IMAP_PORT', 'REPRISE_IMAPS_PORT']) {
    const line = await failure(t, { REPRISE_DATA: t.testdir(), [key]: port });
    t.match(line, `reprise: Cannot listen on port ${port}: another program does already`);
    t.match(line, key);
  }
});

await t.test('an address that is not of this machine', async (t) => {
  const line = await failure(t, { REPRISE_DATA: t.testdir(), REPRISE_HOST: '192.0.2.1' });
  t.match(line, /^reprise: Cannot listen on address "192.0.2.1".*REPRISE_HOST/);
});

await t.test('a data directory that another server has', async (t) => {
  const server = await startServerProcess();
  t.teardown(() => server.stop());
  const line = await failure(t, { REPRISE_DATA: server.dataDirectory });
  t.match(line, `reprise: Data directory "${server.dataDirectory}" is in use`);
  t.match(line, String(server.pid));
  t.match(line, 'REPRISE_DATA');
});

await t.test('a data directory that cannot be one', async (t) => {
  const directory = t.testdir({ file: 'x' });
  t.match(await failure(t, { REPRISE_DATA: join(directory, 'file') }), /^reprise: .*file/);
});

await t.test('a mail store that a newer version wrote', async (t) => {
  const directory = t.testdir();
  const store = await openSqliteStore({ dataDirectory: directory });
  await store.close();
  const database = new Database(join(directory, 'mail.db'), 'writer');
  database.execute('PRAGMA user_version = 999');
  database.close();
  t.match(
    await failure(t, { REPRISE_DATA: directory }),
    /^reprise: Cannot open mail store of version 999, this program knows versions up to \d+\. Run the version/,
  );
});

await t.test('a port for metrics that another program has', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => other.close());
  const port = String((other.address() as AddressInfo).port);
  t.equal(
    await failure(t, { REPRISE_DATA: t.testdir(), REPRISE_ADMIN_PORT: port }),
    `reprise: Cannot listen on 127.0.0.1:${port} for metrics: another program does already. ` +
      'Set REPRISE_ADMIN_PORT to another port, or to -1 for none',
  );
});

await t.test('a certificate that cannot be used', async (t) => {
  const directory = t.testdir();
  const certPath = join(directory, 'cert.pem');
  const environment = {
    REPRISE_DATA: directory,
    REPRISE_TLS_CERT: certPath,
    REPRISE_TLS_KEY: join(directory, 'key.pem'),
  };
  t.match(await failure(t, environment), `Cannot read certificate "${certPath}": ENOENT`);
  writeFileSync(certPath, 'hello');
  writeFileSync(environment.REPRISE_TLS_KEY, 'hello');
  t.match(await failure(t, environment), `Cannot use certificate "${certPath}"`);
});

await t.test('a configuration that cannot be used, one line for each problem', async (t) => {
  const result = await reprise(['serve'], { REPRISE_IMAP_PORT: 'x', REPRISE_IMAPS_PORT: 'y' });
  t.equal(result.code, 1);
  t.equal(result.errors.length, 2);
});

await t.test(
  'a port below 1024 that is refused to an ordinary user: the line says what works',
  async (t) => {
    const threshold = readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'latin1');
    if (Number(threshold) <= 143) {
      t.plan(0, `every user may listen on port 143 here (from ${threshold.trim()} on)`);
      return;
    }
    const directory = directoryOfNobody(t);
    const environment = {
      // Where tap notes each process: this user cannot write into the checkout.
      _TAPJS_PROCESSINFO_CWD_: directory,
      REPRISE_DATA: join(directory, 'data'),
      REPRISE_HOST: '127.0.0.1',
      npm_lifecycle_event: 'start',
    };
    const refused = startProcess(['start'], environment, asNobody());
    t.equal(await refused.exitCode, 1);
    const line = refused.errors.filter((error) => !error.startsWith('{')).join('\n');
    t.equal(
      line,
      'reprise: Cannot listen on port 143: the system keeps ports below 1024 for administrators. ' +
        'Run: REPRISE_IMAP_PORT=1143 REPRISE_IMAPS_PORT=1993 npm start',
    );
    // The line is to be pasted, so what stands in it must work.
    const settings = [...line.matchAll(/(REPRISE_\w+)=(\d+)/g)].map(([, key, value]) => [
      key,
      value,
    ]);
    const works = startProcess(
      ['start'],
      { ...environment, ...(Object.fromEntries(settings) as Record<string, string>) },
      asNobody(),
    );
    await works.logged('listening');
    t.match(await works.printed(/password {2}(\w+)/), /\w{20}/, 'with the demo account');
    works.child.kill('SIGTERM');
    t.equal(await works.exitCode, 0, works.errors.join('\n'));
  },
);

/** The user that owns nothing, where we are root; else we are an ordinary user ourselves. */
function asNobody() {
  return process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
}

function directoryOfNobody(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'reprise-nobody-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  chmodSync(directory, 0o700);
  if (process.getuid?.() === 0) chownSync(directory, nobody, nobody);
  return resolve(directory);
}
