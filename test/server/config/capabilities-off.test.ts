import t from 'tap';
import {
  formatCapabilitiesOff,
  parseCapabilitiesOff,
} from '../../../server/config/capabilities-off.ts';

await t.test('capabilities for all, and for accounts', (t) => {
  const off = parseCapabilitiesOff(
    ' condstore ,Alice:idle,bob@example.com:MOVE, alice:UIDPLUS,ALICE:IDLE,a:b:ID,CONDSTORE',
  );
  t.strictSame(off, {
    forAll: ['CONDSTORE'],
    forAccounts: new Map([
      ['alice', ['IDLE', 'UIDPLUS']],
      ['bob@example.com', ['MOVE']],
      ['a:b', ['ID']],
    ]),
  });
  const text = formatCapabilitiesOff(off);
  t.equal(text, 'CONDSTORE,alice:IDLE,alice:UIDPLUS,bob@example.com:MOVE,a:b:ID');
  t.strictSame(parseCapabilitiesOff(text), off);
  t.same(parseCapabilitiesOff('imap4rev1').forAll, ['IMAP4rev1']);
  t.same(parseCapabilitiesOff('IMAP4rev2,IDLE,alice:MOVE').forAll, ['IMAP4rev2', 'IDLE']);
  t.end();
});

await t.test('an empty list turns nothing off', (t) => {
  const nothing = { forAll: [], forAccounts: new Map() };
  t.strictSame(parseCapabilitiesOff(''), nothing);
  t.strictSame(parseCapabilitiesOff(' '), nothing);
  t.equal(formatCapabilitiesOff(nothing), '');
  t.end();
});

await t.test('says which item is wrong, and what is allowed', (t) => {
  for (const [text, error] of [
    ['IDLE,NTLM', /or ACCOUNT:CAPABILITY, but "NTLM" is none of IMAP4rev1, IMAP4rev2, LITERAL\+, /],
    ['IDLE,', /but "" is none of /],
    ['alice:NTLM', /but "alice:NTLM" is none of /],
    ['alice:', /but "alice:" is none of /],
    ['alice:STARTTLS', /but "alice:STARTTLS" is none of /],
    ['IMAP4rev1,IMAP4rev2', /^leaves neither IMAP4rev1 nor IMAP4rev2, which is off if /],
    ['IMAP4rev1,MOVE', /^leaves neither IMAP4rev1 nor IMAP4rev2/],
    ['MOVE,alice:IMAP4rev1', /^leaves neither IMAP4rev1 nor IMAP4rev2/],
    ['alice:MOVE,alice:IMAP4rev1', /^leaves neither IMAP4rev1 nor IMAP4rev2/],
    [':IDLE', /^has ":IDLE", which names no account: Account names have 1 to \d+ characters$/],
    ['al ice:IDLE', /^has "al ice:IDLE", which names no account: Account names have no spaces/],
    ['alice:AUTH=PLAIN', /^has "alice:AUTH=PLAIN", but AUTH=PLAIN is of use only before login/],
    ['alice:SASL-IR', /but SASL-IR is of use only before login: turn it off for all$/],
  ] as const) {
    t.throws(() => parseCapabilitiesOff(text), { message: error }, text);
  }
  t.end();
});
