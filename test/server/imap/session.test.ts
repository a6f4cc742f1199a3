import t from 'tap';
import type { Capability } from '../../../protocol/capability.ts';
import { ByeError, CommandRefusedError, Responses } from '../../../server/imap/responses.ts';
import type { Connection } from '../../../server/imap/connection.ts';
import { MailboxFeeds } from '../../../server/imap/mailbox-feeds.ts';
import { MailboxView } from '../../../server/imap/mailbox-view.ts';
import type { ServiceContext } from '../../../server/imap/service-context.ts';
import { Session } from '../../../server/imap/session.ts';
import { noMetrics } from '../../../server/metrics/metrics-recorder.ts';
import type { ByteSink } from '../../../server/net/byte-stream.ts';
import type { Account } from '../../../store/mail-store.ts';
import { FakeMailbox } from '../../fixtures/fake-mailbox.ts';

const account: Account = { id: 7, name: 'alice', credentials: { secret: 'hash' } as never };

interface SceneOptions {
  /** Absent: in the clear. */
  readonly tls?: { readonly isAuthorized: boolean };
  readonly off?: readonly Capability[];
  /** What is off for the account alone. */
  readonly accountOff?: readonly Capability[];
  readonly logLevel?: 'debug' | 'info';
}

/** A session on a connection that only keeps what it is told, in `calls`, and what is written, in `told()`. */
function makeScene({ tls, off = [], accountOff = [], logLevel = 'debug' }: SceneOptions = {}) {
  const calls: unknown[] = [];
  const chunks: string[] = [];
  const sink: ByteSink = {
    write: (data) => void chunks.push(Buffer.from(data as string, 'latin1').toString('latin1')),
    isFull: false,
    drained: async () => {},
    destroy: () => {},
  } as Partial<ByteSink> as ByteSink;
  const out = new Responses(sink, 1 << 20);
  const tlsConnection = tls && { clientCertificate: { isAuthorized: tls.isAuthorized } };
  const connection: Partial<Connection> = {
    id: 'c1',
    out,
    remoteAddress: '192.0.2.1',
    tls: tlsConnection as unknown as Connection['tls'],
    setAuthenticated: (names) => void calls.push(['authenticated', ...names]),
  };
  const mailbox = new FakeMailbox();
  const feeds = new MailboxFeeds({
    store: mailbox.store,
    clock: () => 0,
    retentionMs: 0,
    retainedBytes: 1024,
  });
  const write = (level: string) => (fields: object, text: string) =>
    void calls.push([level, text, fields]);
  const context = {
    extraCapabilities: [],
    store: mailbox.store,
    acceptor: { promote: (_: unknown, name: string) => void calls.push(['promote', name]) },
    logger: {
      isLevelEnabled: (level: string) => logLevel === 'debug' || level !== 'debug',
      ...Object.fromEntries(['debug', 'info', 'error'].map((level) => [level, write(level)])),
    },
    metrics: { ...noMetrics, recordLogin: (result: string) => void calls.push(['login', result]) },
    limits: { maxFailedLogins: 3, maxBadCommands: 3 },
    capabilitiesOff: new Set(off),
    accountCapabilitiesOff: new Map([['alice', new Set([...off, ...accountOff])]]),
    feeds,
  } as unknown as ServiceContext;
  const session = new Session(context, connection as Connection);
  const select = async (isReadOnly: boolean) => {
    const feed = await feeds.acquire(mailbox.box);
    await feed.load();
    const view = new MailboxView(feed, isReadOnly);
    session.select(view);
    return view;
  };
  const told = () => {
    out.flush();
    return chunks.splice(0).join('');
  };
  return { session, calls, told, mailbox, feeds, select };
}

await t.test('greets with what the stage of the connection has', async (t) => {
  const plain = makeScene();
  plain.session.greet();
  t.match(
    plain.told(),
    /^\* OK \[CAPABILITY IMAP4rev1 [^\]]* SASL-IR STARTTLS LOGINDISABLED\] Reprise IMAP4rev1 server ready\r\n$/,
  );
  const secure = makeScene({ tls: { isAuthorized: false } });
  t.match(
    secure.session.formatCapabilities(),
    / SASL-IR AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 AUTH=OAUTHBEARER AUTH=XOAUTH2 AUTH=PLAIN AUTH=LOGIN$/,
  );
  const certified = makeScene({ tls: { isAuthorized: true } });
  t.match(certified.session.formatCapabilities(), / AUTH=LOGIN AUTH=EXTERNAL$/);
});

await t.test('a login is kept without what proves it, and told to who needs it', async (t) => {
  const { session, calls } = makeScene({
    tls: { isAuthorized: false },
    off: ['MOVE'],
    accountOff: ['CONDSTORE'],
  });
  t.throws(() => session.accountId, new CommandRefusedError('BAD', 'Log in first'));
  session.logIn(account);
  t.strictSame(session.account, { id: 7, name: 'alice' });
  t.equal(session.accountId, 7);
  t.match(calls, [
    ['authenticated', 'MOVE', 'CONDSTORE'],
    ['promote', 'alice'],
    ['login', 'accepted'],
    ['info', 'logged in', { connectionId: 'c1', sessionId: /^[0-9a-f]{12}$/, account: 'alice' }],
  ]);
  t.notMatch(JSON.stringify(calls), /hash/);
  t.equal(session.isOff('MOVE'), true, 'for the server');
  t.equal(session.isOff('CONDSTORE'), true, 'for the account');
  t.equal(session.isOff('IDLE'), false);
  t.notMatch(session.formatCapabilities(), /MOVE|CONDSTORE|AUTH=|SASL-IR/);
});

await t.test('what is off for one account is not off for the service', async (t) => {
  const { session } = makeScene({ off: ['MOVE'], accountOff: ['IDLE'] });
  session.logIn(account);
  t.strictSame([...session.context.capabilitiesOff], ['MOVE']);
});

await t.test('refused logins and those not looked at end it at the bound', async (t) => {
  const { session, calls } = makeScene();
  session.countFailedLogin();
  session.countFailedLogin('busy');
  t.throws(() => session.countFailedLogin(), new ByeError('Too many failed logins'));
  t.strictSame(calls, [
    ['login', 'refused'],
    ['login', 'busy'],
    ['login', 'refused'],
  ]);
});

await t.test('commands that cannot be read end it if there is none between that can', async (t) => {
  const { session } = makeScene();
  for (let round = 0; round < 3; round++) {
    session.countBadCommand();
    session.countBadCommand();
    session.countCommand();
  }
  session.countBadCommand();
  session.countBadCommand();
  const text = 'Too many commands that cannot be read';
  t.throws(() => session.countBadCommand(), new ByeError(text));
});

await t.test('commands get the selected mailbox, or are refused', async (t) => {
  const { session, select } = makeScene();
  const none = new CommandRefusedError('BAD', 'Select a mailbox first');
  t.equal(session.selected, undefined);
  t.throws(() => session.view, none);
  t.throws(() => session.writableView, none);
  const view = await select(false);
  t.equal(session.view, view);
  t.equal(session.writableView, view);
  session.unselect();
  const examined = await select(true);
  t.equal(session.view, examined);
  const readOnly = new CommandRefusedError('NO', 'The mailbox is open read-only');
  t.throws(() => session.writableView, readOnly);
});

await t.test('leaving a mailbox gives up its view and its feed, once', async (t) => {
  const { session, select, feeds, mailbox } = makeScene();
  const [first, second] = [await feeds.acquire(mailbox.box), await select(false)];
  t.equal(first, second.feed, 'another session has it too');
  t.equal(first.readerCount, 1);
  session.unselect();
  session.unselect();
  session.end();
  t.equal(session.selected, undefined);
  t.equal(first.readerCount, 0);
  feeds.sweep();
  t.equal(mailbox.listenerCount, 1, 'the other one still has it');
  feeds.release(first);
  feeds.sweep();
  t.equal(mailbox.listenerCount, 0);
});

await t.test('tells what has changed, with modseqs to who knows them', async (t) => {
  const { session, select, mailbox, told } = makeScene();
  await session.sync({ expunge: true });
  t.equal(told(), '', 'nothing is selected');
  mailbox.add();
  mailbox.add();
  await select(false);
  mailbox.setFlags([2], ['\\Seen']);
  mailbox.expunge([1]);
  await session.sync({ expunge: false });
  t.equal(told(), '* 2 FETCH (UID 2 FLAGS (\\Seen))\r\n');
  await session.sync({ expunge: true });
  t.equal(told(), '* 1 EXPUNGE\r\n');
  session.enableCondstore();
  t.strictSame([...session.enabled], ['CONDSTORE']);
  t.equal(told(), `* OK [HIGHESTMODSEQ ${mailbox.modseq}] Highest\r\n`);
  session.enableCondstore();
  t.equal(told(), '', 'told once');
  mailbox.setFlags([2], []);
  await session.sync({ expunge: true });
  t.equal(told(), `* 1 FETCH (UID 2 FLAGS () MODSEQ (${mailbox.modseq}))\r\n`);
  session.unselect();
  mailbox.setFlags([2], ['\\Seen']);
  await session.sync({ expunge: true });
  t.equal(told(), '');
});

await t.test('logs what the level lets through', async (t) => {
  const quiet = makeScene({ logLevel: 'info' });
  quiet.session.end();
  quiet.session.log('info', { reason: 'x' }, 'closing');
  t.match(quiet.calls, [['info', 'closing', { connectionId: 'c1', reason: 'x' }]]);
  t.equal(quiet.calls.length, 1);
  const loud = makeScene();
  loud.session.end();
  t.match(loud.calls, [['debug', 'session ended', { connectionId: 'c1' }]]);
});
