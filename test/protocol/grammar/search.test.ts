import t from 'tap';
import type { Capability } from '../../../protocol/capability.ts';
import {
  maxCancelledTags,
  maxNumber,
  maxReturnOptions,
  maxSearchKeys,
  maxSearchNesting,
} from '../../../protocol/limits.ts';
import { decode } from '../../fixtures/read-events.ts';

const flag = (name: string) => ({ key: 'flag', flag: name });
const not = (operand: object) => ({ key: 'not', operand });
const and = (...keys: object[]) => ({ key: 'and', keys });
const header = (fieldName: string, text: string) => ({ key: 'header', fieldName, text });
const date = (field: string, relation: string) => ({
  key: 'date',
  field,
  relation,
  day: { year: 1994, month: 2, day: 1 },
});
const one = { first: 1, last: 1 };
const recent = { key: 'recent' };

/** The criteria of a SEARCH, or the refusal. */
function criteria(text: string): unknown {
  const command = decode(`SEARCH ${text}`);
  return typeof command === 'object' && command.name === 'SEARCH' ? command.criteria : command;
}

await t.test('every key', (t) => {
  for (const [text, expected] of [
    ['ALL', { key: 'all' }],
    ['ANSWERED', flag('\\Answered')],
    ['DELETED', flag('\\Deleted')],
    ['DRAFT', flag('\\Draft')],
    ['FLAGGED', flag('\\Flagged')],
    ['seen', flag('\\Seen')],
    ['UNANSWERED', not(flag('\\Answered'))],
    ['UNDELETED', not(flag('\\Deleted'))],
    ['UNDRAFT', not(flag('\\Draft'))],
    ['UNFLAGGED', not(flag('\\Flagged'))],
    ['UNSEEN', not(flag('\\Seen'))],
    ['RECENT', recent],
    ['OLD', not(recent)],
    ['NEW', and(recent, not(flag('\\Seen')))],
    ['KEYWORD $Junk', flag('$Junk')],
    ['UNKEYWORD $Junk', not(flag('$Junk'))],
    ['BCC x', header('Bcc', 'x')],
    ['CC x', header('Cc', 'x')],
    ['FROM "a b"', header('From', 'a b')],
    ['SUBJECT ""', header('Subject', '')],
    ['TO x', header('To', 'x')],
    ['HEADER Message-ID <a@b>', header('Message-ID', '<a@b>')],
    ['BODY x', { key: 'body', text: 'x' }],
    ['TEXT x', { key: 'text', text: 'x' }],
    ['BEFORE 1-Feb-1994', date('internal', 'before')],
    ['ON 1-Feb-1994', date('internal', 'on')],
    ['SINCE "1-Feb-1994"', date('internal', 'since')],
    ['SENTBEFORE 1-Feb-1994', date('sent', 'before')],
    ['SENTON 1-Feb-1994', date('sent', 'on')],
    ['SENTSINCE 1-Feb-1994', date('sent', 'since')],
    ['OLDER 259200', { key: 'age', relation: 'older', seconds: 259_200 }],
    ['younger 1', { key: 'age', relation: 'younger', seconds: 1 }],
    ['SAVEDBEFORE 1-Feb-1994', date('saved', 'before')],
    ['SAVEDON 1-Feb-1994', date('saved', 'on')],
    ['savedsince "1-Feb-1994"', date('saved', 'since')],
    ['SAVEDATESUPPORTED', { key: 'all' }],
    ['LARGER 100', { key: 'size', relation: 'larger', sizeBytes: 100 }],
    ['SMALLER 0', { key: 'size', relation: 'smaller', sizeBytes: 0 }],
    ['UID 1:*', { key: 'uid', set: [{ first: 1, last: Infinity }] }],
    [
      '2,4:7',
      {
        key: 'sequence',
        set: [
          { first: 2, last: 2 },
          { first: 4, last: 7 },
        ],
      },
    ],
    ['$', { key: 'saved' }],
    ['UID $', { key: 'saved' }],
    ['OR $ 1', { key: 'or', left: { key: 'saved' }, right: { key: 'sequence', set: [one] } }],
    ['*', { key: 'sequence', set: [{ first: Infinity, last: Infinity }] }],
    ['UIDAFTER 7', { key: 'uid', set: [{ first: 8, last: maxNumber }] }],
    [`UIDAFTER ${maxNumber}`, { key: 'uid', set: [] }],
    ['UIDBEFORE 7', { key: 'uid', set: [{ first: 1, last: 6 }] }],
    ['UIDBEFORE 1', { key: 'uid', set: [] }],
    ['MODSEQ 620162338', { key: 'modseq', modseq: 620_162_338 }],
    [String.raw`MODSEQ "/flags/\\draft" all 0`, { key: 'modseq', modseq: 0 }],
    ['EMAILID M6d99ac3275bb4e', { key: 'emailId', id: 'M6d99ac3275bb4e' }],
    ['threadid "T-_0"', { key: 'threadId', id: 'T-_0' }],
    [`EMAILID ${'a'.repeat(255)}`, { key: 'emailId', id: 'a'.repeat(255) }],
    ['NOT SEEN', not(flag('\\Seen'))],
    ['OR SEEN DRAFT', { key: 'or', left: flag('\\Seen'), right: flag('\\Draft') }],
    ['(SEEN)', flag('\\Seen')],
    ['(SEEN DRAFT)', and(flag('\\Seen'), flag('\\Draft'))],
    ['( SEEN  DRAFT )', and(flag('\\Seen'), flag('\\Draft'))],
    [
      'SEEN 1 (DRAFT)',
      and(flag('\\Seen'), { key: 'sequence', set: [{ first: 1, last: 1 }] }, flag('\\Draft')),
    ],
    [
      'OR NOT SEEN (DRAFT OR 1 ALL) DELETED',
      and(
        {
          key: 'or',
          left: not(flag('\\Seen')),
          right: and(flag('\\Draft'), {
            key: 'or',
            left: { key: 'sequence', set: [{ first: 1, last: 1 }] },
            right: { key: 'all' },
          }),
        },
        flag('\\Deleted'),
      ),
    ],
  ] as const) {
    t.same(criteria(text), expected, text);
  }
  t.match(decode('UID SEARCH ALL'), { name: 'SEARCH', isUid: true });
  t.end();
});

await t.test('keys that a capability brings are unknown without it', (t) => {
  for (const [key, text, capability] of [
    ['MODSEQ', 'MODSEQ 1', 'CONDSTORE'],
    ['UIDAFTER', 'UIDAFTER 1', 'MESSAGELIMIT'],
    ['UIDBEFORE', 'UIDBEFORE 1', 'MESSAGELIMIT'],
    ['EMAILID', 'EMAILID M1', 'OBJECTID'],
    ['THREADID', 'THREADID T1', 'OBJECTID'],
    ['SAVEDON', 'SAVEDON 1-Feb-1994', 'SAVEDATE'],
    ['SAVEDATESUPPORTED', 'SAVEDATESUPPORTED', 'SAVEDATE'],
  ] as const) {
    const off = new Set([capability]);
    t.type(decode(`SEARCH ${text}`), 'object', text);
    t.equal(decode(`SEARCH ${text}`, { off }), `BAD Unknown search key "${key}"`);
  }
  t.equal(criteria('EMAILID M+1'), 'BAD Expected object id, got "M+1"');
  t.equal(criteria('EMAILID ""'), 'BAD Expected object id, got "\\"\\""');
  t.match(criteria(`THREADID ${'a'.repeat(256)}`), /^BAD Expected object id, got "a/);
  t.end();
});

await t.test('result options', (t) => {
  const returned = (text: string) => {
    const command = decode(`SEARCH ${text}`);
    if (typeof command !== 'object' || command.name !== 'SEARCH') return command;
    return command.returned && [...command.returned.items];
  };
  t.equal(returned('ALL'), undefined);
  t.same(returned('RETURN () ALL'), ['ALL'], 'none is the same as ALL');
  t.same(returned('return (min Max COUNT all) CHARSET UTF-8 ALL'), ['MIN', 'MAX', 'COUNT', 'ALL']);
  t.same(returned('RETURN (MIN MIN) ALL'), ['MIN']);
  t.same(returned('RETURN (SAVE) ALL'), ['SAVE']);
  t.match(criteria('RETURN (MIN) SEEN'), flag('\\Seen'));
  const many = (count: number) => `RETURN (${Array(count).fill('MIN').join(' ')}) ALL`;
  t.same(returned(many(maxReturnOptions)), ['MIN']);
  t.equal(returned(many(maxReturnOptions + 1)), 'BAD More than 16 result options');
  t.end();
});

await t.test('updates of the results', (t) => {
  const returned = (text: string, off: readonly Capability[] = []) => {
    const command = decode(`SEARCH RETURN (${text}) ALL`, { off: new Set(off) });
    return typeof command === 'object' && command.name === 'SEARCH' ? command.returned : command;
  };
  t.same(returned('UPDATE'), { items: new Set(), isUpdated: true }, 'and no results');
  t.same(returned('update count Update'), { items: new Set(['COUNT']), isUpdated: true });
  t.same(returned('CONTEXT'), { items: new Set(['ALL']) }, 'a hint asks for nothing less');
  t.same(returned('CONTEXT COUNT'), { items: new Set(['COUNT']) });
  for (const option of ['UPDATE', 'CONTEXT']) {
    const unknown = `BAD Unknown result option "${option}"`;
    t.equal(returned(option, ['CONTEXT=SEARCH']), unknown);
  }
  const range = { first: 1, last: 2, isFromEnd: false, text: '1:2' };
  t.match(returned('PARTIAL 1:2', ['PARTIAL']), { partial: range }, 'RFC 5267 has it, too');
  t.match(returned('PARTIAL 1:2', ['CONTEXT=SEARCH']), { partial: range });
  t.match(
    returned('PARTIAL -1:-2', ['PARTIAL']),
    /^BAD Expected result number above 0, got "-1/,
    'but not from the end',
  );
  t.type(returned('PARTIAL 1:2', ['PARTIAL', 'CONTEXT=SEARCH']), 'string');
  t.end();
});

await t.test('CANCELUPDATE', (t) => {
  const cancel = (text: string) => decode(`CANCELUPDATE${text}`);
  t.same(cancel(' "B01"'), { name: 'CANCELUPDATE', tags: ['B01'] });
  t.same(cancel(' "a]b" C2'), { name: 'CANCELUPDATE', tags: ['a]b', 'C2'] });
  t.equal(cancel(''), 'BAD Expected space, got end of command');
  t.equal(cancel(' '), 'BAD Expected space, got end of command');
  t.equal(cancel(' "a""b"'), 'BAD Expected space, got "\\"b\\""');
  const many = (count: number) => cancel(' "t"'.repeat(count));
  t.match(many(maxCancelledTags), { name: 'CANCELUPDATE' });
  t.equal(many(maxCancelledTags + 1), 'BAD More than 64 tags');
  const off = new Set(['CONTEXT=SEARCH'] as const);
  t.equal(decode('CANCELUPDATE "a"', { off }), 'BAD Unknown command "CANCELUPDATE"');
  t.end();
});

await t.test('PARTIAL', (t) => {
  const partial = (text: string) => {
    const command = decode(`SEARCH RETURN (${text}) ALL`);
    if (typeof command !== 'object' || command.name !== 'SEARCH') return command;
    return { ...command.returned?.partial, items: [...(command.returned?.items ?? [])] };
  };
  const range = (first: number, last: number, isFromEnd: boolean, text: string) => ({
    first,
    last,
    isFromEnd,
    text,
    items: [],
  });
  t.same(partial('PARTIAL 23500:24000'), range(23_500, 24_000, false, '23500:24000'));
  t.same(partial('partial 500:400'), range(400, 500, false, '500:400'));
  t.same(partial('PARTIAL -1:-100'), range(1, 100, true, '-1:-100'));
  t.same(partial('PARTIAL -500:-400'), range(400, 500, true, '-500:-400'));
  t.same(partial('SAVE PARTIAL 1:1 COUNT'), {
    ...range(1, 1, false, '1:1'),
    items: ['SAVE', 'COUNT'],
  });
  for (const [text, refusal] of [
    ['PARTIAL', 'Expected space, got ")"'],
    ['PARTIAL 1', 'Expected ":", got ")"'],
    ['PARTIAL 0:1', 'Expected result number above 0, got "0:1)"'],
    ['PARTIAL 1:*', 'Expected result number above 0, got "*)"'],
    ['PARTIAL -1:100', 'Expected "-", got "100)"'],
    ['PARTIAL 1:-100', 'Expected result number above 0, got "-100)"'],
    ['PARTIAL 1:4294967296', 'Expected result number above 0 up to 4294967295, got "4294967296)"'],
    ['PARTIAL 1:2 PARTIAL 3:4', 'Result option "PARTIAL" comes twice'],
    ['ALL PARTIAL 1:2', 'Result options "ALL" and "PARTIAL" exclude each other'],
    ['PARTIAL 1:2 ALL', 'Result options "ALL" and "PARTIAL" exclude each other'],
  ] as const) {
    t.equal(partial(text), `BAD ${refusal}`, text);
  }
  t.end();
});

await t.test('charsets', (t) => {
  t.same(criteria('CHARSET UTF-8 SUBJECT {3+}\r\n\xe6\x97\xa5'), header('Subject', '日'));
  t.same(
    criteria('charset "utf-8" FROM "Zo\xc3\xab" ALL'),
    and(header('From', 'Zoë'), { key: 'all' }),
  );
  t.same(criteria('CHARSET ISO-8859-1 FROM "Zo\xeb"'), header('From', 'Zoë'));
  t.same(criteria('CHARSET ISO_8859-1:1987 FROM "Zo\xeb"'), header('From', 'Zoë'));
  t.same(criteria('CHARSET KOI8-R BODY "\xd0\xd2\xc9"'), { key: 'body', text: 'при' });
  t.same(criteria('CHARSET ISO-2022-JP BODY "\x1b$BF|K\\\\\x1b(B"'), { key: 'body', text: '日本' });
  t.same(criteria('CHARSET US-ASCII TEXT x'), { key: 'text', text: 'x' });
  t.same(criteria('CHARSET UTF-8 CHARSET'), 'BAD Unknown search key "CHARSET"');
  t.same(criteria('FROM "Zo\xc3\xab"'), header('From', 'Zoë'), 'without a charset UTF-8');
  t.same(criteria('FROM "Zo\xeb"'), header('From', 'Zoë'), 'else ISO 8859-1');
  for (const name of [
    'FOO',
    'BASE64',
    'HEX',
    'BINARY',
    'B-A-S-E-64',
    'BASE64:2000',
    '__PROTO__',
    'CONSTRUCTOR',
    'UTF-7-IMAP',
    'X-UNKNOWN',
  ]) {
    t.match(decode(`SEARCH CHARSET ${name} FROM "\xe9"`), { unknownCharset: name }, name);
  }
  t.match(decode('SEARCH CHARSET "" ALL'), { unknownCharset: '' });
  t.notOk(Object.hasOwn(decode('SEARCH CHARSET UTF-8 ALL') as object, 'unknownCharset'));
  t.match(criteria('CHARSET UTF-8 FROM "Zo\xeb"'), /^BAD Expected search text in UTF-8/);
  t.end();
});

await t.test('refusals', (t) => {
  for (const [text, refusal] of [
    ['', 'BAD Expected space, got end of command'],
    ['FOO', 'BAD Unknown search key "FOO"'],
    ['RETURN (MIN)', 'BAD Expected space, got end of command'],
    ['RETURN MIN ALL', 'BAD Expected list of result options, got "MIN"'],
    ['RETURN(MIN) ALL', 'BAD Expected space, got "(MIN)"'],
    ['RETURN (FIRST) ALL', 'BAD Unknown result option "FIRST"'],
    ['RETURN (MIN', 'BAD Expected space or ")", got end of command'],
    ['RETURNS (MIN) ALL', 'BAD Unknown search key "RETURNS"'],
    ['ALL RETURN (MIN)', 'BAD Unknown search key "RETURN"'],
    ['CHARSET UTF-8 RETURN (MIN) ALL', 'BAD Unknown search key "RETURN"'],
    ['()', 'BAD Expected search keys, got an empty list'],
    ['(SEEN', 'BAD Expected space or ")", got end of command'],
    ['NOT', 'BAD Expected space, got end of command'],
    ['OR SEEN', 'BAD Expected space, got end of command'],
    ['SUBJECT', 'BAD Expected space, got end of command'],
    ['SUBJECT (x)', 'BAD Expected search text, got "(x)"'],
    ['$,1', 'BAD Expected end of command, got ",1"'],
    ['1:$', 'BAD Expected sequence set, got "1:$"'],
    ['1:0', 'BAD Expected sequence set, got "1:0"'],
    ['UID x', 'BAD Expected sequence set, got "x"'],
    ['SINCE 31-Feb-2026', 'BAD Expected date, got "31-Feb-2026"'],
    ['UIDAFTER 0', 'BAD Expected UID above 0, got "0"'],
    ['UIDBEFORE *', 'BAD Expected UID above 0, got "*"'],
    ['OLDER 0', 'BAD Expected seconds above 0, got "0"'],
    ['YOUNGER 4294967296', 'BAD Expected seconds above 0 up to 4294967295, got "4294967296"'],
    ['YOUNGER', 'BAD Expected space, got end of command'],
    ['LARGER -1', 'BAD Expected size, got "-1"'],
    ['MODSEQ "/flags/x" foo 1', 'BAD Expected entry type, got "foo"'],
    ['ALL)', 'BAD Expected end of command, got ")"'],
    ['"x"', String.raw`BAD Expected search key, got "\"x\""`],
  ] as const) {
    t.equal(criteria(text), refusal, text);
  }
  t.end();
});

await t.test('bounds', (t) => {
  const deep = (count: number) => `${'NOT '.repeat(count)}ALL`;
  t.type(criteria(deep(maxSearchNesting)), 'object');
  t.equal(criteria(deep(maxSearchNesting + 1)), 'BAD Search keys are nested deeper than 64');
  t.equal(
    criteria(`${'('.repeat(65)}ALL${')'.repeat(65)}`),
    'BAD Search keys are nested deeper than 64',
  );
  t.equal(criteria('('.repeat(30_000)), 'BAD Search keys are nested deeper than 64');
  const wide = (count: number) => Array(count).fill('ALL').join(' ');
  t.type(criteria(wide(maxSearchKeys)), 'object');
  t.equal(criteria(wide(maxSearchKeys + 1)), 'BAD More than 1024 search keys');
  const binary = (depth: number): string =>
    depth === 0 ? 'ALL' : `OR ${binary(depth - 1)} ${binary(depth - 1)}`;
  t.equal(criteria(binary(11)), 'BAD More than 1024 search keys');
  t.end();
});
