import t from 'tap';
import { LoginBusyError } from '../../../../server/authentication/password-check-queue.ts';
import { noMetrics } from '../../../../server/metrics/metrics-recorder.ts';
import { startImapService } from '../../../fixtures/imap-service.ts';
import { until } from '../../../fixtures/until.ts';

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
    {
      msg: 'logged in',
      account: 'alice',
      address: '127.0.0.1',
      protocol: 'TLSv1.3',
      resumed: false,
      group: 'X25519MLKEM768',
    },
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

await t.test('only who knows the password is told that an account is elsewhere', async (t) => {
  const results: string[] = [];
  const options = {
    accountsElsewhere: new Map([['bob', { host: 'server2', port: 1143, userName: 'bob ]"' }]]),
    metrics: { ...noMetrics, recordLogin: (result: string) => void results.push(result) },
  };
  const { connect, log } = await startImapService(t, options);
  const client = await connect();
  const wrong = await client.command('LOGIN Bob guess');
  const unknown = await client.command('LOGIN nobody guess');
  t.same([wrong.status, wrong.text], [unknown.status, unknown.text]);
  const url = 'imap://bob%20%5D%22;AUTH=*@server2:1143/';
  const told = await client.command('LOGIN Bob secret');
  t.match(told, { status: 'NO', text: `[REFERRAL ${url}] The mail of this account is` });
  const response = Buffer.from('\0bob\0secret').toString('base64');
  const again = await client.command(`AUTHENTICATE PLAIN ${response}`);
  t.match(again, { status: 'NO', text: `[REFERRAL ${url}]` });
  t.match(await client.command('SELECT INBOX'), { status: 'BAD' }, 'it is not logged in');
  await client.ok('LOGIN alice secret');
  t.same(results, ['refused', 'refused', 'referred', 'referred', 'accepted']);
  t.match(
    log.filter(({ msg }) => msg === 'login referred'),
    [{ account: 'bob', host: 'server2' }, { account: 'bob' }],
  );
  const off = new Set(['LOGIN-REFERRALS'] as const);
  const silent = await startImapService(t, { ...options, capabilitiesOff: off });
  const other = await silent.connect();
  t.match(await other.command('LOGIN bob secret'), { status: 'NO', text: /^\[CONTACTADMIN\] / });
});

await t.test('the connection of a client that does not follow its referral ends', async (t) => {
  const { connect, log } = await startImapService(t, {
    accountsElsewhere: new Map([['bob', { host: 'server2', port: 143, userName: 'bob' }]]),
    limits: { maxFailedLogins: 3 },
  });
  const client = await connect();
  for (let count = 1; count < 3; count++) {
    t.match(await client.command('LOGIN bob secret'), { status: 'NO', text: /^\[REFERRAL / });
  }
  client.send('a LOGIN bob secret\r\n');
  t.match((await client.readToEnd()).at(-1)?.text, /^\* BYE Too many failed logins/);
  t.equal(log.filter(({ msg }) => msg === 'login referred').length, 3);
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

await t.test('a password check that takes longer than a login may ends nobody', async (t) => {
  let nowMs = 1_000;
  const begun = Promise.withResolvers<void>();
  const gates = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  let checkCount = 0;
  const { connect } = await startImapService(t, {
    limits: { loginDeadlineMs: 120_000, sweepIntervalMs: 5 },
    steadyClock: () => nowMs,
    verifier: {
      verify: (_userName, _password, _address, wait = (check) => check()) =>
        wait(() => {
          begun.resolve();
          return gates[checkCount++]!.promise;
        }),
    },
  });
  const client = await connect();
  client.send('a LOGIN alice guess\r\n');
  await begun.promise;
  const silent = await connect();
  nowMs += 200_000;
  // The sweep that ends it has come by the other one.
  t.match((await silent.readToEnd()).at(-1)?.text, /^\* BYE Autologout/);
  gates[0]?.reject(new LoginBusyError());
  t.match(await client.readTagged('a'), { status: 'NO', text: /^\[UNAVAILABLE\]/ });
  await client.ok('NOOP');
  client.send('b LOGIN alice guess\r\n');
  await until(() => checkCount === 2);
  nowMs += 100_000;
  gates[1]?.resolve(undefined);
  t.match(await client.readTagged('b'), { status: 'NO', text: /^\[AUTHENTICATIONFAILED\]/ });
  await client.ok('NOOP');
  nowMs += 121_000;
  t.match((await client.readToEnd()).at(-1)?.text, /^\* BYE Autologout/);
});
