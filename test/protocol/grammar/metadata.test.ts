import t from 'tap';
import type { Capability } from '../../../protocol/capability.ts';
import { maxMetadataNameBytes, maxMetadataNames } from '../../../protocol/limits.ts';
import { decode } from '../../fixtures/read-events.ts';

const off = (...names: Capability[]) => ({ off: new Set(names) });

await t.test('GETMETADATA', (t) => {
  t.same(decode('GETMETADATA "" /Shared/Comment'), {
    name: 'GETMETADATA',
    mailboxName: '',
    entries: ['/shared/comment'],
  });
  t.match(decode('GETMETADATA inbox (/private/a "/shared/b c" /PRIVATE/A)'), {
    mailboxName: 'INBOX',
    entries: ['/private/a', '/shared/b c'],
  });
  for (const command of [
    'GETMETADATA (MAXSIZE 1024 DEPTH infinity) INBOX (/shared/a)',
    'GETMETADATA INBOX (maxsize 1024 depth INFINITY) (/shared/a)',
    'GETMETADATA INBOX (MAXSIZE 1024 DEPTH infinity) /shared/a',
  ]) {
    t.match(
      decode(command),
      { mailboxName: 'INBOX', entries: ['/shared/a'], maxSizeBytes: 1024, depth: Infinity },
      command,
    );
  }
  t.match(decode('GETMETADATA (DEPTH 1) a /shared/b'), { depth: 1 });
  t.match(
    decode('GETMETADATA INBOX /private/a /shared/b /private/A'),
    { entries: ['/private/a', '/shared/b'] },
    'an example of RFC 5464 has no parentheses',
  );
  for (const [command, refusal] of [
    ['GETMETADATA a ()', 'Expected entries, got an empty list'],
    ['GETMETADATA (DEPTH 2) a /shared/b', 'Unknown depth "2"'],
    ['GETMETADATA (X 2) a /shared/b', 'Unknown option "X"'],
    [
      'GETMETADATA (DEPTH 1) a (DEPTH 1) /shared/b',
      'Expected an entry of /private or /shared, got "DEPTH"',
    ],
    ['GETMETADATA a (/shared/b DEPTH 1)', 'Expected an entry of /private or /shared, got "DEPTH"'],
    ['GETMETADATA a', 'Expected space, got end of command'],
  ] as const) {
    t.equal(decode(command), `BAD ${refusal}`, command);
  }
  t.end();
});

await t.test('names of entries', (t) => {
  const names = [
    '/other/a',
    '/',
    '/private/',
    '/private//a',
    '/shared/a/',
    'shared/a',
    '/shared/%',
  ];
  for (const name of names) {
    t.equal(
      decode(`GETMETADATA a "${name}"`),
      `BAD Expected an entry of /private or /shared, got "${name}"`,
      name,
    );
  }
  t.match(
    decode('GETMETADATA (DEPTH infinity) a (/shared /private /shared/vendor /shared/vendor/x)'),
    { entries: ['/shared', '/private', '/shared/vendor', '/shared/vendor/x'] },
    'levels above entries',
  );
  t.match(decode('GETMETADATA a {9+}\r\n/shared/\xe9'), /Expected an entry of/);
  const name = (length: number) => decode(`GETMETADATA a ${'/private/'.padEnd(length, 'x')}`);
  t.match(name(maxMetadataNameBytes), { name: 'GETMETADATA' });
  t.match(name(maxMetadataNameBytes + 1), /longer than/);
  const many = (count: number) => decode(`GETMETADATA a (${'/private/x '.repeat(count)})`);
  t.match(many(maxMetadataNames), { entries: ['/private/x'] });
  t.equal(many(maxMetadataNames + 1), `BAD More than ${maxMetadataNames} entries`);
  const bare = (count: number) => decode(`GETMETADATA a${' /private/x'.repeat(count)}`);
  t.match(bare(maxMetadataNames), { entries: ['/private/x'] });
  t.equal(bare(maxMetadataNames + 1), `BAD More than ${maxMetadataNames} entries`);
  t.end();
});

await t.test('SETMETADATA', (t) => {
  const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));
  t.same(
    decode(
      'SETMETADATA INBOX (/private/A "x y" /shared/b nil /shared/c "" /shared/d ~{3+}\r\n\0\r\xff)',
    ),
    {
      name: 'SETMETADATA',
      mailboxName: 'INBOX',
      values: new Map([
        ['/private/a', bytes('x y')],
        ['/shared/b', undefined],
        ['/shared/c', bytes('')],
        ['/shared/d', bytes('\0\r\xff')],
      ]),
    },
  );
  t.match(decode('SETMETADATA a (/shared/vendor/x/y "")'), { name: 'SETMETADATA' });
  for (const name of ['/shared/vendor', '/private/vendor/x', '/shared/vendor/x']) {
    t.match(decode(`SETMETADATA a (${name} "")`), /names no vendor and no entry/, name);
  }
  t.match(decode('SETMETADATA a (/private "")'), /Expected an entry of/);
  for (const [command, refusal] of [
    ['SETMETADATA a ()', 'Expected entries, got an empty list'],
    ['SETMETADATA a (/private/a)', 'Expected space, got ")"'],
    ['SETMETADATA a (/private/a x)', 'Expected value, got "x)"'],
    ['SETMETADATA a (/private/a "" /PRIVATE/a "")', 'Entry "/private/a" is set twice'],
    ['SETMETADATA a /private/a ""', 'Expected list of entries, got "/private/a"'],
  ] as const) {
    t.equal(decode(command), `BAD ${refusal}`, command);
  }
  t.end();
});

await t.test('what is turned off is unknown', (t) => {
  const both = off('METADATA', 'METADATA-SERVER');
  t.equal(decode('GETMETADATA "" /shared/a', both), 'BAD Unknown command "GETMETADATA"');
  t.equal(decode('SETMETADATA "" (/shared/a NIL)', both), 'BAD Unknown command "SETMETADATA"');
  t.match(decode('GETMETADATA "" /shared/a', off('METADATA')), { mailboxName: '' });
  t.equal(
    decode('GETMETADATA a /shared/a', off('METADATA')),
    'NO Only the server has metadata, not its mailboxes',
  );
  t.match(decode('GETMETADATA a /shared/a', off('METADATA-SERVER')), { mailboxName: 'a' });
  t.end();
});
