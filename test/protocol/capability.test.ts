import t from 'tap';
import {
  findEnabledExtension,
  findSwitchableCapability,
  leavesRevision,
  listCapabilities,
  switchableCapabilities,
  takesUtf8,
  type Capability,
  type ConnectionStage,
  type EnabledExtension,
} from '../../protocol/capability.ts';
import { commandGrammar } from '../../protocol/grammar/commands.ts';
import { decode } from '../fixtures/read-events.ts';

const common = [
  'IMAP4rev1',
  'IMAP4rev2',
  'LITERAL+',
  'IDLE',
  'NAMESPACE',
  'UIDPLUS',
  'UNSELECT',
  'MOVE',
  'ID',
  'ENABLE',
  'UTF8=ACCEPT',
  'CHILDREN',
  'COMPRESS=DEFLATE',
  'METADATA',
  'LIST-EXTENDED',
  'LIST-METADATA',
  'LIST-STATUS',
  'SPECIAL-USE',
  'CREATE-SPECIAL-USE',
  'CONDSTORE',
  'QRESYNC',
  'ESEARCH',
  'SEARCHRES',
  'MULTISEARCH',
  'SEARCH=FUZZY',
  'WITHIN',
  'PARTIAL',
  'UIDBATCHES',
  'UIDONLY',
  'MESSAGELIMIT=10000',
  'BINARY',
  'NOTIFY',
  'MULTIAPPEND',
  'CATENATE',
  'URL-PARTIAL',
  'REPLACE',
  'SORT',
  'SORT=DISPLAY',
  'ESORT',
  'CONTEXT=SEARCH',
  'CONTEXT=SORT',
  'THREAD=ORDEREDSUBJECT',
  'THREAD=REFERENCES',
  'THREAD=REFS',
  'I18NLEVEL=1',
  'LANGUAGE',
  'INPROGRESS',
  'APPENDLIMIT=67108864',
  'STATUS=SIZE',
  'OBJECTID',
  'SAVEDATE',
  'PREVIEW',
  'LOGIN-REFERRALS',
  'UNAUTHENTICATE',
  'MAILBOX-REFERRALS',
].join(' ');

const list = (stage: ConnectionStage, hasCertificate = false, off: Capability[] = []) =>
  listCapabilities({ stage, hasCertificate, off: new Set(off) }).join(' ');

await t.test('what is announced depends on how far the connection has come', (t) => {
  t.equal(list('before-tls'), `${common} SASL-IR STARTTLS LOGINDISABLED`);
  t.equal(
    list('before-login'),
    `${common} SASL-IR AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 AUTH=OAUTHBEARER AUTH=XOAUTH2 AUTH=PLAIN AUTH=LOGIN`,
  );
  t.equal(
    list('before-login', true),
    `${common} SASL-IR AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 AUTH=OAUTHBEARER AUTH=XOAUTH2 AUTH=PLAIN AUTH=LOGIN AUTH=EXTERNAL`,
    'with a certificate',
  );
  t.equal(list('after-login', true), common);
  t.end();
});

await t.test('what is turned off is not announced', (t) => {
  t.equal(
    list('after-login', false, ['IDLE', 'CONDSTORE']),
    common.replace(/ (IMAP4rev2|IDLE|CONDSTORE|QRESYNC)(?= |$)/g, ''),
    'nor what builds on it',
  );
  t.equal(
    list('after-login', false, ['LITERAL+']),
    common.replace('LITERAL+', 'LITERAL-'),
    'of the two only one is announced (RFC 7888, section 5)',
  );
  t.equal(list('after-login', false, ['LITERAL-']), common);
  t.equal(
    list('after-login', false, ['METADATA']),
    common.replace(' METADATA', ' METADATA-SERVER').replace(' LIST-METADATA', ''),
    'the server has some also if mailboxes have none',
  );
  t.equal(
    list('after-login', false, ['SORT']),
    common.replace(/ (SORT|SORT=DISPLAY|ESORT|CONTEXT=SORT)(?= |$)/g, ''),
    'nor what is nothing without it',
  );
  t.equal(list('after-login', false, ['IMAP4rev1']), common.replace('IMAP4rev1 ', ''));
  t.equal(list('before-login', false, [...switchableCapabilities]), '');
  t.end();
});

await t.test('one revision stays', (t) => {
  for (const [off, expected] of [
    [[], true],
    [['IMAP4rev1'], true],
    [['IMAP4rev2'], true],
    [['IDLE'], true],
    [['IMAP4rev1', 'CONDSTORE'], true],
    [['IMAP4rev1', 'IMAP4rev2'], false],
    [['IMAP4rev1', 'IDLE'], false],
  ] as const) {
    t.equal(leavesRevision(new Set<Capability>(off)), expected, off.join(' '));
  }
  t.end();
});

await t.test('who takes UTF-8', (t) => {
  t.equal(takesUtf8(new Set(['CONDSTORE'])), false);
  t.equal(takesUtf8(new Set(['UTF8=ACCEPT'])), true);
  t.equal(takesUtf8(new Set(['IMAP4rev2'])), true);
  t.end();
});

await t.test('what adds to a capability is off with it', (t) => {
  t.notMatch(list('after-login', false, ['ESEARCH']), /SEARCHRES/);
  t.equal(decode('SEARCH $', { off: new Set(['ESEARCH']) }), 'BAD Unknown search key "$"');
  t.equal(
    decode('SEARCH RETURN (SAVE) ALL', { off: new Set(['SEARCHRES']) }),
    'BAD Unknown result option "SAVE"',
  );
  t.equal(
    decode('SEARCH RETURN (PARTIAL 1:2) ALL', { off: new Set(['PARTIAL', 'CONTEXT=SEARCH']) }),
    'BAD Unknown result option "PARTIAL"',
  );
  t.end();
});

await t.test('names are found in whatever case', (t) => {
  t.equal(findSwitchableCapability('auth=plain'), 'AUTH=PLAIN');
  t.equal(findSwitchableCapability('Idle'), 'IDLE');
  for (const name of ['STARTTLS', 'LOGINDISABLED', 'NTLM', '', '__proto__']) {
    t.equal(findSwitchableCapability(name), undefined, name);
  }
  t.equal(findEnabledExtension('condstore'), 'CONDSTORE');
  t.equal(findEnabledExtension('QResync'), 'QRESYNC');
  t.equal(findEnabledExtension('IDLE'), undefined, 'ENABLE does not turn it on');
  t.end();
});

await t.test('a command whose capability is turned off is unknown', (t) => {
  for (const [name, row] of Object.entries(commandGrammar)) {
    if (!('capability' in row)) continue;
    const line =
      {
        CANCELUPDATE: 'CANCELUPDATE "a"',
        COMPRESS: 'COMPRESS DEFLATE',
        ENABLE: 'ENABLE X',
        ESEARCH: 'ESEARCH ALL',
        ID: 'ID NIL',
        MOVE: 'MOVE 1 a',
        SORT: 'SORT (DATE) UTF-8 ALL',
        LSUB: 'LSUB "" *',
        UIDBATCHES: 'UIDBATCHES 500',
        NOTIFY: 'NOTIFY NONE',
        REPLACE: 'REPLACE 1 a CATENATE (URL b)',
        RLIST: 'RLIST "" %',
        RLSUB: 'RLSUB "" %',
      }[name] ?? name;
    t.match(decode(line), { name }, name);
    const off = new Set([row.capability]);
    t.equal(decode(line, { off }), `BAD Unknown command "${name}"`);
  }
  t.equal(decode('UID MOVE 1 a', { off: new Set(['MOVE']) }), 'BAD Unknown command "UID MOVE"');
  t.equal(
    decode('UID EXPUNGE 1', { off: new Set(['UIDPLUS']) }),
    'BAD Unknown command "UID EXPUNGE"',
  );
  t.equal(
    decode('UID REPLACE 1 a CATENATE (URL b)', { off: new Set(['REPLACE']) }),
    'BAD Unknown command "UID REPLACE"',
  );
  t.match(decode('EXPUNGE', { off: new Set(['UIDPLUS']) }), { name: 'EXPUNGE' });
  t.end();
});

await t.test('what IMAP4rev2 has dropped is unknown if it is the only one', (t) => {
  const off = new Set<Capability>(['IMAP4rev1']);
  for (const item of ['RFC822', 'RFC822.HEADER', 'RFC822.TEXT']) {
    t.match(decode(`FETCH 1 ${item}`), { name: 'FETCH' });
    t.equal(decode(`FETCH 1 ${item}`, { off }), `BAD Unknown FETCH item "${item}"`);
  }
  t.match(decode('FETCH 1 RFC822.SIZE', { off }), { name: 'FETCH' });
  t.match(decode('STATUS a (DELETED)', { off }), { items: ['DELETED'] });
  const noRev2 = new Set<Capability>(['IMAP4rev2']);
  t.equal(decode('STATUS a (DELETED)', { off: noRev2 }), 'BAD Unknown STATUS item "DELETED"');
  t.end();
});

await t.test('to a client of IMAP4rev2 nothing is recent', (t) => {
  const enabled = new Set<EnabledExtension>(['IMAP4rev2']);
  const refusals = {
    'STATUS a (RECENT)': 'BAD Unknown STATUS item "RECENT"',
    'SEARCH RECENT': 'BAD Unknown search key "RECENT"',
    'SEARCH NOT (SEEN NEW)': 'BAD Unknown search key "NEW"',
    'SEARCH OLD': 'BAD Unknown search key "OLD"',
  };
  for (const [line, refusal] of Object.entries(refusals)) {
    t.not(typeof decode(line), 'string', `${line} is known otherwise`);
    t.equal(decode(line, { enabled }), refusal);
  }
  t.end();
});

await t.test('what is turned off has no arguments either', (t) => {
  const off = new Set<Capability>([
    'BINARY',
    'CONDSTORE',
    'ESEARCH',
    'WITHIN',
    'APPENDLIMIT',
    'SASL-IR',
    'AUTH=LOGIN',
  ]);
  const refusals = {
    'SELECT a (QRESYNC (1 2))': 'BAD Unknown parameter "QRESYNC"',
    'UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)': 'BAD Unknown FETCH modifier "CHANGEDSINCE"',
    'SELECT a (CONDSTORE)': 'BAD Unknown parameter "CONDSTORE"',
    'STATUS a (APPENDLIMIT)': 'BAD Unknown STATUS item "APPENDLIMIT"',
    'STATUS a (HIGHESTMODSEQ)': 'BAD Unknown STATUS item "HIGHESTMODSEQ"',
    'FETCH 1 BINARY[1]': 'BAD Unknown FETCH item "BINARY"',
    'FETCH 1 MODSEQ': 'BAD Unknown FETCH item "MODSEQ"',
    'FETCH 1 FLAGS (CHANGEDSINCE 1)': 'BAD Unknown FETCH modifier "CHANGEDSINCE"',
    'STORE 1 (UNCHANGEDSINCE 1) FLAGS a': 'BAD Unknown STORE modifier "UNCHANGEDSINCE"',
    'SEARCH RETURN () ALL': 'BAD Unknown search key "RETURN"',
    'SEARCH OLDER 1': 'BAD Unknown search key "OLDER"',
    'SEARCH YOUNGER 1': 'BAD Unknown search key "YOUNGER"',
    'UID FETCH 1 FLAGS (PARTIAL 1:2)': 'BAD Unknown FETCH modifier "PARTIAL"',
    'SEARCH $': 'BAD Unknown search key "$"',
    'UID SEARCH UID $': 'BAD Expected sequence set, got "$"',
    'FETCH $ FLAGS': 'BAD Expected sequence set, got "$"',
    'SEARCH MODSEQ 1': 'BAD Unknown search key "MODSEQ"',
    'AUTHENTICATE PLAIN YQ==': 'BAD Expected end of command',
    'AUTHENTICATE LOGIN': 'NO Unknown SASL mechanism',
  };
  for (const [line, refusal] of Object.entries(refusals)) {
    t.not(typeof decode(line), 'string', `${line} is known otherwise`);
    t.equal(decode(line, { off }), refusal);
  }
  t.match(decode('AUTHENTICATE PLAIN', { off }), { mechanism: 'PLAIN' });
  t.end();
});
