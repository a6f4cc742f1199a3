import t from 'tap';
import { type Capability, listCapabilities } from '../../../protocol/capability.ts';
import { startImapService, texts } from '../../fixtures/imap-service.ts';

const off: readonly Capability[] = ['CONDSTORE', 'MOVE', 'CHILDREN', 'SPECIAL-USE', 'AUTH=PLAIN'];

/** What is announced after login, but for these too. */
function listed(...more: readonly Capability[]): string {
  return listCapabilities({
    stage: 'after-login',
    hasCertificate: false,
    off: new Set([...off, ...more]),
  }).join(' ');
}

const { login, connect } = await startImapService(t, {
  capabilitiesOff: new Set(off),
  accountCapabilitiesOff: new Map([['bob', ['IDLE', 'MOVE']]]),
});

await t.test('what is turned off is not announced, before login and after', async (t) => {
  const stranger = await connect();
  t.match(
    stranger.greeting,
    / LITERAL\+ IDLE NAMESPACE UIDPLUS UNSELECT ID ENABLE UTF8=ACCEPT .* SASL-IR AUTH=LOGIN\]/,
  );
  const client = await login();
  t.same(texts(await client.ok('CAPABILITY')), [`* CAPABILITY ${listed()}`]);
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
  t.same(texts(await client.ok('ENABLE CONDSTORE QRESYNC')), ['* ENABLED']);
  t.same(texts(await client.ok('LIST "" Sent')), ['* LIST () "/" Sent']);
});

await t.test('more can be turned off for an account', async (t) => {
  const bob = await connect();
  t.match(bob.greeting, / IDLE /, 'a stranger may be anybody');
  bob.send('a LOGIN BOB secret\r\nb IDLE\r\n');
  const before = listed('IDLE');
  t.equal((await bob.readTagged('a')).text, `[CAPABILITY ${before}] Logged in`);
  t.match(await bob.readTagged('b'), { status: 'BAD', text: 'Unknown command "IDLE"' });
  t.same(texts(await bob.ok('CAPABILITY')), [`* CAPABILITY ${before}`]);
  const alice = await login();
  t.match(texts(await alice.ok('CAPABILITY')), [/ IDLE /], 'not for others');
});
