import t from 'tap';
import { ImapClient } from '../../fixtures/imap-client.ts';
import { startServerProcess } from '../../fixtures/server-process.ts';
import { reprise } from './reprise.ts';

await t.test('users without a server', async (t) => {
  const environment = { REPRISE_DATA: t.testdir() };
  const add = await reprise(['user', 'add', 'alice', '--password-stdin'], environment, {
    input: 'secret\n',
  });
  t.match(add, { code: 0, stdout: 'Added user "alice"\n', stderr: '' });
  t.match(await reprise(['user', 'list'], environment), { code: 0, stdout: 'alice\n' });
  const again = await reprise(['user', 'add', 'alice', '--password-stdin'], environment, {
    input: 'secret',
  });
  t.equal(again.code, 1);
  t.equal(again.errors.length, 1);
  t.match(again.errors[0], /^reprise: .*alice/);
  t.match(await reprise(['user', 'remove', 'alice'], environment), { code: 0 });
  t.match(await reprise(['user', 'list'], environment), { code: 0, stdout: '' });
  t.match(await reprise(['user', 'remove', 'alice'], environment), {
    code: 1,
    stderr: /^reprise: There is no user "alice"\n$/,
  });
});

await t.test('users while a server runs: each command counts from the next login', async (t) => {
  const server = await startServerProcess();
  t.teardown(() => server.stop());
  const logIn = async (password: string) => {
    const client = await ImapClient.connect({ port: server.imapsPort, security: 'tls' });
    const result = await client.command(`LOGIN alice ${password}`);
    await client.drop();
    return result.status;
  };
  await server.addUser('alice', 'first');
  t.equal(await logIn('first'), 'OK');
  t.equal(await logIn('first'), 'OK', 'remembered');
  const client = await ImapClient.connect({ port: server.imapsPort, security: 'tls' });
  await client.login('alice', 'first');
  t.match(await server.command(['user', 'passwd', 'alice', '--password-stdin'], 'second\n'), {
    code: 0,
  });
  t.equal(await logIn('first'), 'NO');
  t.equal(await logIn('second'), 'OK');
  t.match(
    (await client.readToEnd()).map((response) => response.text).join(),
    'BYE',
    'who was logged in is sent away',
  );
  t.match(await server.command(['user', 'remove', 'alice']), { code: 0 });
  t.equal(await logIn('second'), 'NO');
});

await t.test(
  'a password comes from standard input, its line break is not part of it',
  async (t) => {
    const environment = { REPRISE_DATA: t.testdir() };
    const add = (name: string, input: string) =>
      reprise(['user', 'add', name, '--password-stdin'], environment, { input });
    t.match(await add('a', 'pässwörd\r\n'), { code: 0 });
    t.match(await add('b', ''), { code: 1, stderr: /^reprise: Cannot use this password/ });
    t.match(await add('c', '\nsecond line'), { code: 1 });
    const refused = await add('d', 'hush\u0007hush\n');
    t.equal(refused.code, 1);
    t.notMatch(refused.stderr, 'hush');
    const missing = await reprise(['user', 'add', 'e'], environment);
    t.match(missing, { code: 1, stderr: /^reprise: Add --password-stdin/ });
  },
);
