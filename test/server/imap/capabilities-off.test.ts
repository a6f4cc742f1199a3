import t from 'tap';
import type { Capability } from '../../../protocol/capability.ts';
import type { Connection } from '../../../server/imap/connection.ts';
import type { ServiceContext } from '../../../server/imap/service-context.ts';
import { Session } from '../../../server/imap/session.ts';
import type { Account } from '../../../store/mail-store.ts';
import { startImapService, texts } from '../../fixtures/imap-service.ts';

const { login, connect } = await startImapService(t, {
  capabilitiesOff: new Set(['CONDSTORE', 'MOVE', 'CHILDREN', 'SPECIAL-USE', 'AUTH=PLAIN']),
});

await t.test('what is turned off is not announced, before login and after', async (t) => {
  const stranger = await connect();
  t.match(
    stranger.greeting,
    / LITERAL\+ IDLE NAMESPACE UIDPLUS UNSELECT ID ENABLE SASL-IR AUTH=LOGIN\]/,
  );
  const client = await login();
  t.same(texts(await client.ok('CAPABILITY')), [
    '* CAPABILITY IMAP4rev1 LITERAL+ IDLE NAMESPACE UIDPLUS UNSELECT ID ENABLE',
  ]);
});

await t.test('what is turned off is unknown', async (t) => {
  const stranger = await connect();
  t.match(await stranger.command('AUTHENTICATE PLAIN'), {
    status: 'NO',
    text: 'Unknown SASL mechanism',
  });
  const client = await login();
  t.match(await client.command('MOVE 1 x'), { status: 'BAD', text: 'Unknown command "MOVE"' });
  t.match(await client.command('SELECT INBOX (CONDSTORE)'), { status: 'BAD' });
  t.same(texts(await client.ok('ENABLE CONDSTORE')), ['* ENABLED']);
  t.same(texts(await client.ok('LIST "" Sent')), ['* LIST () "/" Sent']);
});

await t.test('more can be turned off for an account', (t) => {
  let readerOff: ReadonlySet<Capability> | undefined;
  const connection = {
    setAuthenticated: (off: ReadonlySet<Capability>) => {
      readerOff = off;
    },
  } as unknown as Connection;
  const context = {
    capabilitiesOff: new Set<Capability>(['MOVE']),
    metrics: { recordLogin: () => {} },
    logger: { isLevelEnabled: () => false },
  } as unknown as ServiceContext;
  const session = new Session(context, connection);
  t.equal(session.isOff('MOVE'), true);
  t.equal(session.isOff('IDLE'), false);
  session.logIn({ id: 1, name: 'alice' } as Account, ['IDLE']);
  t.equal(session.isOff('MOVE'), true);
  t.equal(session.isOff('IDLE'), true);
  t.same(
    session.listCapabilities().filter((name) => name === 'MOVE' || name === 'IDLE'),
    [],
  );
  t.same([...(readerOff ?? [])].toSorted(), ['IDLE', 'MOVE'], 'so that the command is unknown');
  t.end();
});
