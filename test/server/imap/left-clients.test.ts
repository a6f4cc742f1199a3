// Clients that leave while their login waits for its turn.
import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import type { PasswordVerifier } from '../../../server/authentication/password-verifier.ts';
import { Transport } from '../../../server/net/transport.ts';
import type { Account } from '../../../store/mail-store.ts';
import { startImapService } from '../../fixtures/imap-service.ts';
import { until } from '../../fixtures/until.ts';

/** For what happens at once, on a busy machine. */
const deadlineMs = 10_000;

/** A login whose check has not begun. */
interface WaitingLogin {
  readonly gone: AbortSignal;
  answer(account: Account | undefined): void;
}

/** A service whose logins wait until the test answers them, and one client of it that has sent some bytes. */
async function setUp(t: Test, bytes: string, maxPendingBytes = 65_536) {
  const logins: WaitingLogin[] = [];
  const verifier: PasswordVerifier = {
    verify: (_userName, _password, _address, wait = (check) => check()) =>
      wait(
        (gone = AbortSignal.abort()) =>
          new Promise((answer, reject) => {
            gone.addEventListener('abort', () => reject(gone.reason as Error));
            logins.push({ gone, answer });
          }),
      ),
  };
  const limits = { probeIntervalMs: 5, maxPendingBytes };
  const { service, store, imapsPort, log } = await startImapService(t, { verifier, limits });
  t.teardown(() => logins.forEach(({ answer }) => answer(undefined)));
  const plain = connectPlain({ port: imapsPort, host: '127.0.0.1', allowHalfOpen: true });
  t.teardown(() => plain.destroy());
  const client = connectTls({ socket: plain, rejectUnauthorized: false });
  for (const socket of [plain, client]) socket.on('error', () => {});
  const received = { text: '' };
  client.on('data', (chunk: Buffer) => (received.text += chunk.toString('latin1')));
  await once(client, 'secureConnect');
  client.write(bytes);
  await until(() => logins.length === 1 && received.text.includes('* OK'), deadlineMs);
  return { service, store, log, plain, client, received, logins };
}

for (const [name, bytes, maxPendingBytes] of [
  ['that is read', 'a LOGIN alice secret\r\n'],
  ['with more logins behind it', 'a LOGIN alice secret\r\nb LOGIN alice other\r\n'],
  [
    'that is not read, since much is pending',
    `a LOGIN alice secret\r\n${'b NOOP\r\n'.repeat(999)}`,
    99,
  ],
] as const) {
  for (const way of ['resetAndDestroy', 'destroy'] as const) {
    await t.test(`a client ${name} leaves the queue by ${way}`, async (t) => {
      const { service, logins, plain, log } = await setUp(t, bytes, maxPendingBytes);
      t.notOk(logins[0]?.gone.aborted);
      plain[way]();
      await until(() => logins[0]?.gone.aborted ?? false, deadlineMs);
      await until(() => service.connectionCount === 0, deadlineMs);
      t.match(logins[0]?.gone.reason, { name: 'ConnectionLostError' });
      t.equal(logins.length, 1, 'what it had pipelined is dropped');
      const told = log.filter(({ level, msg }) => Number(level) > 30 || msg === 'login refused');
      t.strictSame(told, [], 'it was no guess, and no fault of ours');
    });
  }
}

await t.test('a client that has only closed its own side gets its answer', async (t) => {
  const { client, received, logins, store } = await setUp(t, 'a LOGIN alice secret\r\n');
  client.end();
  const probe = '* OK Your login waits for its turn\r\n';
  await until(() => received.text.split(probe).length > 3, deadlineMs);
  t.notOk(logins[0]?.gone.aborted);
  logins[0]?.answer(await store.findAccount('alice'));
  await until(() => /^a OK /m.test(received.text), deadlineMs);
  t.notMatch(received.text.slice(received.text.indexOf('a OK ')), probe);
});

await t.test('a client that stays and is read is told nothing while it waits', async (t) => {
  const { received, logins } = await setUp(t, 'a LOGIN alice wrong\r\n');
  const before = received.text;
  let probeCount = 0;
  const original = Object.getOwnPropertyDescriptor(Transport.prototype, 'isReading')!;
  t.teardown(() => Object.defineProperty(Transport.prototype, 'isReading', original));
  Object.defineProperty(Transport.prototype, 'isReading', {
    ...original,
    get(this: Transport) {
      probeCount += 1;
      return original.get?.call(this) as boolean;
    },
  });
  await until(() => probeCount >= 3, deadlineMs);
  t.equal(received.text, before);
  logins[0]?.answer(undefined);
  await until(() => /^a NO /m.test(received.text), deadlineMs);
  t.equal(received.text.slice(before.length).split('\r\n').length, 2);
});
