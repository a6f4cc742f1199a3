import t from 'tap';
import { alice, startMailServer } from '../../fixtures/mail-server.ts';
import { reprise } from './reprise.ts';

const other = { name: 'bob', password: 'battery-staple' };

await t.test('without a server there is one clear line', async (t) => {
  const directory = t.testdir();
  for (const argv of [['stats'], ['purge', '--all']]) {
    const result = await reprise(['sessions', ...argv], { REPRISE_DATA: directory });
    t.equal(result.code, 1);
    t.same(result.errors, [
      `reprise: No server runs on data directory "${directory}": there are no sessions to see or to purge`,
    ]);
  }
});

await t.test('what to purge must be said, and once', async (t) => {
  const environment = { REPRISE_DATA: t.testdir() };
  const purge = (...argv: string[]) => reprise(['sessions', 'purge', ...argv], environment);
  for (const argv of [[], ['--all', '--account', 'alice']]) {
    const result = await purge(...argv);
    t.equal(result.code, 1);
    t.same(result.errors, [
      'reprise: Say what to purge: --account NAME, --certificate FINGERPRINT or --all',
    ]);
  }
  t.match(await purge('--certificate', 'abc'), {
    code: 1,
    stderr: /^reprise: Cannot read fingerprint "abc", expected SHA-256 in 64 hexadecimal digits/,
  });
});

await t.test('sessions of a server', async (t) => {
  const server = await startMailServer(t);
  await server.process.addUser(other.name, other.password);
  const sessions = async (...argv: string[]) => {
    const { code, stdout, stderr } = await server.process.command(['sessions', ...argv]);
    t.equal(code, 0, stderr);
    return stdout.toString();
  };
  const stats = async () =>
    JSON.parse(await sessions('stats', '--json')) as {
      stats: { entryCount: number; removed: Record<string, number> };
    };
  /** Visits and logs in; the session to come back with, and whether this one was. */
  const visit = async (user: typeof other, session?: Buffer) => {
    const client = await server.connect('tls', session === undefined ? {} : { session });
    await client.login(user.name, user.password);
    const { isResumed } = client;
    await client.logout();
    return { isResumed, session: client.sessions.at(-1)! };
  };

  await t.test('stats shows them, to people and to programs', async (t) => {
    await visit(other);
    t.match(await stats(), { kind: 'stateful', stats: { entryCount: 2, usedBytes: Number } });
    const text = await sessions('stats');
    t.match(text, /^Resumption {2}stateful$/m);
    t.match(text, /^Sessions {4}2$/m);
    t.match(text, /^Used {8}\d+ bytes$/m);
    t.match(text, /^Oldest {6}\d+ s$/m);
    t.match(text, /^Handshakes {2}stateful TLSv1\.3: full 1, resumed 0 \(0\.0 %\)$/m);
    t.match(text, /^Groups {6}X25519MLKEM768 1$/m);
    t.match(text, /^Lookups {5}hit 0, unknown 0, expired 0, timeout 0, error 0$/m);
    t.match(text, /^Removed {5}expired 0, evicted 0/m);
  });

  await t.test('purge --account ends those of the account only', async (t) => {
    const first = await visit(alice);
    const second = await visit(other);
    t.match(await sessions('purge', '--account', 'ALICE'), /^Purged 2 sessions\n/);
    t.notOk((await visit(alice, first.session)).isResumed);
    t.ok((await visit(other, second.session)).isResumed);
    const refused = await server.process.command(['sessions', 'purge', '--account', 'nobody']);
    t.match(refused, { code: 1, stderr: 'reprise: There is no user "nobody"\n' });
  });

  await t.test('a change of password ends the sessions of the account', async (t) => {
    const { entryCount, removed } = (await stats()).stats;
    t.ok(entryCount > 0);
    const first = await visit(alice);
    const second = await visit(other);
    const changed = { ...alice, password: 'another-horse' };
    const argv = ['user', 'passwd', alice.name, '--password-stdin'];
    t.equal((await server.process.command(argv, `${changed.password}\n`)).code, 0);
    t.ok((await stats()).stats.removed['purged']! > removed['purged']!);
    t.notOk((await visit(changed, first.session)).isResumed);
    t.ok((await visit(other, second.session)).isResumed);
  });

  await t.test('purge --certificate takes a fingerprint as people have it', async (t) => {
    const { session } = await visit(other);
    for (const text of ['ab'.repeat(32), 'AB:'.repeat(31) + 'AB']) {
      t.match(await sessions('purge', '--certificate', text), /^Purged 0 sessions\n/);
    }
    t.ok((await visit(other, session)).isResumed);
  });

  await t.test('purge --all ends all, tickets too', async (t) => {
    const { session } = await visit(other);
    t.match(await sessions('purge', '--all'), /^Purged \d+ sessions\n$/);
    t.match(await stats(), { stats: { entryCount: 0, heldBytes: 0 } });
    t.notOk((await visit(other, session)).isResumed);
  });
});
