import t from 'tap';
import { maxSelectParameters } from '../../../protocol/limits.ts';
import { decode } from '../../fixtures/read-events.ts';

const selecting = (parameter: string) => decode(`SELECT a (QRESYNC ${parameter})`);
const knowing = (known: object) => ({
  name: 'SELECT',
  mailboxName: 'a',
  isCondstore: false,
  known,
});

await t.test('what a client knows of a mailbox', (t) => {
  const [uidValidity, modseq] = [67_890_007, 90_060_115];
  t.same(selecting('(67890007 90060115)'), knowing({ uidValidity, modseq }));
  t.same(
    selecting('(67890007 90060115 41,43:211)'),
    knowing({
      uidValidity,
      modseq,
      uids: [
        { first: 41, last: 41 },
        { first: 43, last: 211 },
      ],
    }),
  );
  const matches = { numbers: [{ first: 5, last: 7 }], uids: [{ first: 9, last: 11 }] };
  t.same(
    selecting('(67890007 90060115 1:29 (5:7 9:11))'),
    knowing({ uidValidity, modseq, uids: [{ first: 1, last: 29 }], matches }),
  );
  t.same(selecting('(67890007 90060115 (5:7 9:11))'), knowing({ uidValidity, modseq, matches }));
  t.match(selecting('(1 2 3 (1,2:3 4:5,7))'), {
    known: { matches: { numbers: [{}, { first: 2 }], uids: [{}, { first: 7 }] } },
  });
  t.match(decode('examine a (condstore qresync (1 2))'), { isCondstore: true, known: {} });
  t.match(decode('EXAMINE a (QRESYNC (1 2) CONDSTORE)'), { isCondstore: true, known: {} });
  t.end();
});

await t.test('at the bounds of its numbers', (t) => {
  t.match(selecting('(4294967295 9223372036854775807)'), {
    known: { uidValidity: 4_294_967_295, modseq: Number.MAX_SAFE_INTEGER },
  });
  t.match(selecting('(1 0)'), { known: { modseq: 0 } });
  const match = selecting('(1 2 (1:4294967295 1:4294967295))');
  t.match(match, { known: { matches: { numbers: [{ last: 4_294_967_295 }] } } });
  const tooMany = Array(maxSelectParameters + 1).fill('CONDSTORE');
  t.equal(
    decode(`SELECT a (${tooMany.join(' ')})`),
    `BAD More than ${maxSelectParameters} parameters`,
  );
  t.end();
});

await t.test('what is not syntactically valid', (t) => {
  for (const [parameter, refusal] of [
    ['', 'BAD Expected "(", got ")"'],
    ['1 2', 'BAD Expected "(", got "1"'],
    ['()', 'BAD Expected UIDVALIDITY above 0, got "))"'],
    ['(0 2)', 'BAD Expected UIDVALIDITY above 0, got "0"'],
    ['(4294967296 2)', 'BAD Expected UIDVALIDITY above 0 up to 4294967295, got "4294967296"'],
    ['(1)', 'BAD Expected space, got "))"'],
    ['(1 x)', 'BAD Expected modseq, got "x))"'],
    [
      '(1 9223372036854775808)',
      'BAD Expected modseq up to 9223372036854775807, got "9223372036854775808))"',
    ],
    [`(1 ${'9'.repeat(60)})`, `BAD Expected modseq up to 9223372036854775807`],
    ['(1 2 )', 'BAD Expected sequence set, got "))"'],
    ['(1 2 1:*)', 'BAD Expected set without "*", got "1:*))"'],
    ['(1 2 *)', 'BAD Expected set without "*", got "*))"'],
    ['(1 2 3 4)', 'BAD Expected "(", got "4))"'],
    ['(1 2 (1 *))', 'BAD Expected set without "*", got "*)))"'],
    ['(1 2 (* 1))', 'BAD Expected set without "*", got "*"'],
    ['(1 2 (1))', 'BAD Expected space, got ")))"'],
    ['(1 2 ())', 'BAD Expected sequence set, got ")))"'],
    ['(1 2 (2,1 1:2))', 'BAD Expected ascending set, got "2,1"'],
    ['(1 2 (1:2 3,3))', 'BAD Expected ascending set, got "3,3)))"'],
    ['(1 2 (1:2 4:3))', 'BAD Expected ascending set, got "4:3)))"'],
    ['(1 2 (1:3 1:2))', 'BAD Expected 3 UIDs for the numbers, got 2'],
    ['(1 2 (1 1)', 'BAD Expected space or ")", got end of command'],
    ['(1 2) QRESYNC (1 2)', 'BAD Parameter "QRESYNC" comes twice'],
  ] as const) {
    const answer = selecting(parameter);
    const text = typeof answer === 'string' ? answer.slice(0, refusal.length) : answer;
    t.equal(text, refusal, parameter);
  }
  const off = new Set(['QRESYNC'] as const);
  t.equal(decode('SELECT a (QRESYNC (1 2))', { off }), 'BAD Unknown parameter "QRESYNC"');
  t.end();
});
