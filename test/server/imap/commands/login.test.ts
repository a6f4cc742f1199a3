import t from 'tap';
import { LoginBusyError } from '../../../../server/authentication/password-check-queue.ts';
import { logInWithPassword } from '../../../../server/imap/commands/login.ts';
import type { Session } from '../../../../server/imap/session.ts';
import { noMetrics } from '../../../../server/metrics/metrics-recorder.ts';
import { startImapService } from '../../../fixtures/imap-service.ts';

await t.test('the log names accounts and addresses, never a password', async (t) => {
  const { connect, log } = await startImapService(t);
  const client = await connect();
  await client.command('LOGIN ALICE wrong');
  await client.command('LOGIN secretpassword alice');
  await client.command('LOGIN abc alice');
  await client.ok('LOGIN alice secret');
  const lines = log.filter(({ msg }) => msg === 'login refused' || msg === 'logged in');
  t.match(lines, [
    { msg: 'login refused', userName: 'alice', address: '127.0.0.1' },
    { msg: 'login refused', userName: 's***', address: '127.0.0.1' },
    { msg: 'login refused', userName: '***', address: '127.0.0.1' },
    { msg: 'logged in', account: 'alice', address: '127.0.0.1' },
  ]);
  t.notMatch(JSON.stringify(log), /secretpassword|abc/);
});

await t.test('logins that are not looked at end the connection as wrong ones do', async (t) => {
  const results: string[] = [];
  const { connect } = await startImapService(t, {
    limits: { maxFailedLogins: 3 },
    verifier: {
      async verify(userName) {
        if (userName === 'busy') throw new LoginBusyError();
        return undefined;
      },
    },
    metrics: { ...noMetrics, recordLogin: (result) => void results.push(result) },
  });
  const client = await connect();
  const busy = await client.command('LOGIN busy guess');
  t.match(busy, {
    status: 'NO',
    text: /^\[UNAVAILABLE\] Too many logins at once, try again later$/,
  });
  await client.command('LOGIN alice guess');
  client.send('z LOGIN busy guess\r\n');
  t.match((await client.readToEnd()).at(-1)?.text, /^\* BYE .*failed logins/);
  t.strictSame(results, ['busy', 'refused', 'busy']);
});

await t.test('the verifier is told who asks', async (t) => {
  const origins: unknown[] = [];
  const { connect } = await startImapService(t, {
    verifier: {
      async verify(userName, password, address) {
        origins.push([userName, password, address]);
        return undefined;
      },
    },
  });
  await (await connect()).command('LOGIN alice guess');
  await (await connect('starttls')).command('AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==');
  t.strictSame(origins, [
    ['alice', 'guess', '127.0.0.1'],
    ['alice', 'secret', '127.0.0.1'],
  ]);
});

await t.test('the connection is told how long the client had to wait', async (t) => {
  const time = { now: 1_000 };
  const waits: number[] = [];
  const sessionOf = (answer: () => Promise<undefined>) =>
    ({
      connection: {
        remoteAddress: '192.0.2.1',
        excuseWait: (waitedMs: number) => void waits.push(waitedMs),
      },
      context: {
        steadyClock: () => time.now,
        verifier: {
          verify: () => {
            time.now += 7_000;
            return answer();
          },
        },
      },
      store: { findAccount: async () => undefined },
      log: () => {},
      countFailedLogin: () => {},
    }) as unknown as Session;
  const wrong = sessionOf(async () => undefined);
  await t.rejects(logInWithPassword(wrong, 'alice', 'guess'), { code: 'AUTHENTICATIONFAILED' });
  const busy = sessionOf(() => Promise.reject(new LoginBusyError()));
  await t.rejects(logInWithPassword(busy, 'alice', 'guess'), { code: 'UNAVAILABLE' });
  t.strictSame(waits, [7_000, 7_000]);
});
