import t from 'tap';
import { isMismatch, matchResponse } from '../../../server/transcripts/match-response.ts';
import { parseTranscript } from '../../../server/transcripts/parse-transcript.ts';
import { ResponseReader } from '../../../server/transcripts/response-reader.ts';
import { readShape } from '../../../server/transcripts/response-shape.ts';

/** Compares what a server sends with the last line of a transcript. */
function compare(
  transcript: string,
  sent: string,
  captures: ReadonlyMap<string, string> = new Map(),
) {
  const steps = parseTranscript(transcript).scenarios[0]?.steps ?? [];
  const step = steps.at(-1);
  const reader = new ResponseReader();
  reader.push(Buffer.from(`${sent}\r\n`));
  const received = reader.take();
  if (step?.type !== 'expect' || received === undefined) throw new Error('Not one response');
  return matchResponse(step.response, readShape(received), new Map(captures));
}

/** Expected, and what a server may send for it. */
const same: readonly [string, string][] = [
  ['* 1 EXISTS', '* 1 EXISTS'],
  ['a OK done', 'a OK and other words {12}'],
  ['a OK [READ-WRITE] done', 'a OK [READ-WRITE] x'],
  ['a {{/OK|NO/}} [{{...}}] x', 'a NO x'],
  ['a {{/OK|NO/}} [{{...}}] x', 'a NO [CANNOT] x'],
  ['+ idling', '+ go ahead'],
  ['* BYE', '* BYE see you'],
  [String.raw`* FLAGS (\Seen \Draft)`, String.raw`* FLAGS (\Draft \Seen)`],
  [String.raw`* FLAGS (\Seen {{...}})`, String.raw`* FLAGS (\Draft \Seen $Junk)`],
  ['* CAPABILITY IMAP4rev1 {{...}}', '* CAPABILITY IDLE IMAP4rev1 UIDPLUS'],
  ['a OK [CAPABILITY B A] x', 'a OK [CAPABILITY A B] x'],
  ['* SEARCH 2 84 882', '* SEARCH 882 2 84'],
  ['* SEARCH', '* SEARCH'],
  [String.raw`* 1 FETCH (FLAGS (\Seen x) UID 4)`, String.raw`* 1 FETCH (UID 4 FLAGS (x \Seen))`],
  [String.raw`* 4 UIDFETCH (UID 4 FLAGS (x))`, String.raw`* 4 UIDFETCH (FLAGS (x) UID 4)`],
  ['* 1 FETCH (UID 4 {{...}})', '* 1 FETCH (MODSEQ (1) UID 4 FLAGS ())'],
  ['* 1 FETCH (BODY[TEXT]<0> "hi")', '* 1 FETCH (BODY[TEXT]<0> {2}\r\nhi)'],
  ['* 1 FETCH (BODY[TEXT] {2}\nS: hi)', '* 1 FETCH (BODY[TEXT] "hi")'],
  ['* 1 FETCH (BINARY[1] ~{2}\nS: hi)', '* 1 FETCH (BINARY[1] ~{2}\r\nhi)'],
  ['* 1 FETCH (BODY[] {{any}})', '* 1 FETCH (BODY[] {3}\r\na\r\n)'],
  ['* 1 FETCH (BODY[] {{nstring}})', '* 1 FETCH (BODY[] NIL)'],
  ['* 1 FETCH (BODY[] {*}\nS| a {{text}}\nS: )', '* 1 FETCH (BODY[] {6}\r\na bc\r\n)'],
  ['* 1 FETCH (BODY[] {*}\nS| a{{cut}}\nS: )', '* 1 FETCH (BODY[] {1}\r\na)'],
  ['* 1 FETCH (BODY[] {*}\nS| {{bytes 3}}{{cut}}\nS: )', '* 1 FETCH (BODY[] {3}\r\n\r\na)'],
  [
    '* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)',
    '* STATUS "blurdybloop" (UIDNEXT 44292 MESSAGES 231)',
  ],
  [String.raw`* LIST (\Noselect) "/" ~/Mail/foo`, String.raw`* LIST (\Noselect) "/" "~/Mail/foo"`],
  [String.raw`* LIST {{list}} {{nstring}} "INBOX"`, '* LIST () NIL INBOX'],
  ['* 1 FETCH (ENVELOPE ({{...}}))', '* 1 FETCH (ENVELOPE ("a" NIL))'],
  [
    '* 1 FETCH (INTERNALDATE "{{/\\d\\d/}}-Jul-{{number}}")',
    '* 1 FETCH (INTERNALDATE "17-Jul-1996")',
  ],
  ['{{tag:atom}} OK done', 'x7 OK done'],
  ['* 1 FETCH (X (("a" NIL)\n   ("b" NIL)))', '* 1 FETCH (X (("a" NIL)("b" NIL)))'],
  ['* VANISHED 1:3', '* VANISHED 1:3'],
  ['* ESEARCH (TAG "a") UID COUNT 3 ALL 1:3', '* ESEARCH (TAG "a") UID ALL 1:3 COUNT 3'],
  ['* ESEARCH (TAG "a") {{...}}', '* ESEARCH (TAG "a") ALL 1:3 COUNT 3'],
  ['* ESEARCH (TAG "a")', '* ESEARCH (TAG "a")'],
];

/** Expected, what came instead, and what is said of it. */
const different: readonly [string, string, string, string | undefined][] = [
  ['* 1 EXISTS', '* 2 EXISTS', '1', '2'],
  ['* 1 EXISTS', '* 1 EXISTS x', 'nothing more', 'x'],
  ['* 1 EXISTS', '* 1', 'EXISTS', undefined],
  ['a OK x', 'b OK x', 'a', 'b'],
  ['a OK x', 'a NO x', 'OK', 'NO'],
  ['a OK x', 'a OK [ALERT] x', 'no response code', '[ALERT]'],
  ['a OK [UIDNEXT 5] x', 'a OK [UIDNEXT 6] x', '5', '6'],
  ['a OK [CAPABILITY A] x', 'a OK [CAPABILITY A B] x', 'nothing more', 'B'],
  ['+ {{exactly}}abc', '+ abd', '{{exactly}}abc', 'abd'],
  ['* BYE', '* OK x', 'BYE', 'OK'],
  ['* ESEARCH (TAG "a") ALL 1', '* ESEARCH (TAG "a") UID ALL 1', 'ALL', undefined],
  ['* ESEARCH (TAG "a")', '* ESEARCH (TAG "a") ALL 1', 'nothing more', 'ALL'],
  ['* ESEARCH (TAG "a") UID ALL 1', '* ESEARCH (TAG "a") ALL 1', 'UID', 'ALL'],
  ['* ESEARCH (TAG "a") ALL 1 COUNT 2', '* ESEARCH (TAG "a") ALL 1 COUNT 1', '2', '1'],
  ['* ESEARCH (TAG "a") ALL 1', '* ESEARCH (TAG "b") ALL 1', '"a"', '"b"'],
  ['* SEARCH 2 3', '* SEARCH 2', '3', undefined],
  [String.raw`* FLAGS (\Seen)`, String.raw`* FLAGS (\seen)`, '\\Seen', '\\seen'],
  ['* 1 FETCH (UID 4)', '* 1 FETCH (UID 5)', '4', '5'],
  ['* 1 FETCH (UID 4)', '* 1 FETCH (UID 4 MODSEQ (1))', 'nothing more', 'MODSEQ'],
  ['* 1 FETCH (UID 4 MODSEQ (1))', '* 1 FETCH (UID 4)', 'MODSEQ', undefined],
  ['* 1 FETCH (UID "4")', '* 1 FETCH (UID 4)', '"4"', '4'],
  ['* 1 FETCH (BODY[] NIL)', '* 1 FETCH (BODY[] "NIL")', 'NIL', '"NIL"'],
  ['* 1 FETCH (BODY[] {{string}})', '* 1 FETCH (BODY[] NIL)', '{{string}}', 'NIL'],
  ['* 1 FETCH (X {{number}})', '* 1 FETCH (X a)', '{{number}}', 'a'],
  [
    '* 1 FETCH (X (("a")("b")))',
    '* 1 FETCH (X (("a") ("b")))',
    'no space before ("b")',
    'a space before ("b")',
  ],
  ['* LIST () "/" a', '* LIST () "/" b', 'a', 'b'],
  ['* LIST () "/" a', '* LIST () / a', '"/"', '/'],
  ['* 1 EXISTS', 'a OK x', 'untagged data (* 1 EXISTS)', 'a status response (a OK)'],
  [
    '* 1 EXISTS',
    '* 1  EXISTS',
    'a well-formed response',
    'a response that is not well-formed at column 3 of its values: two spaces',
  ],
  [
    '* SEARCH',
    '* SEARCH ',
    'a well-formed response',
    'a response that is not well-formed at column 8 of its values: a space before the end',
  ],
  [
    '* 1 FETCH (X (a))',
    '* 1 FETCH (X (a)',
    'a well-formed response',
    'a response that is not well-formed at column 15 of its values: a ")" is missing',
  ],
];

await t.test('what IMAP leaves to a server is no difference', async (t) => {
  for (const [expected, sent] of same) {
    const result = compare(`S: ${expected}`, sent);
    t.equal(isMismatch(result) ? result : undefined, undefined, `${expected} | ${sent}`);
  }
});

await t.test('everything else is one, and the first thing that differs is told', async (t) => {
  for (const [line, sent, expected, received] of different) {
    t.strictSame(compare(`S: ${line}`, sent), { expected, received }, `${line} | ${sent}`);
  }
});

await t.test('captures are kept if all matches, and are compared afterwards', async (t) => {
  const first = compare(
    'S: * 2 FETCH (UID {{uid:number}} ENVELOPE {{e:list}} X {{s:string}} Y "{{y:/a+/}}b")',
    '* 2 FETCH (X "q\\"" UID 17 ENVELOPE ("a" NIL) Y "aab")',
  );
  t.strictSame(
    first,
    new Map([
      ['uid', '17'],
      ['e', '("a" NIL)'],
      ['s', 'q"'],
      ['y', 'aa'],
    ]),
  );
  const use = 'S: * 1 FETCH (UID {{uid:number}})\nS: * 3 FETCH (UID {{uid}})';
  t.notOk(isMismatch(compare(use, '* 3 FETCH (UID 17)', new Map([['uid', '17']]))));
  t.strictSame(compare(use, '* 3 FETCH (UID 18)', new Map([['uid', '17']])), {
    expected: '{{uid}}',
    received: '18',
  });
  t.strictSame(
    compare('S: * SEARCH 3 {{n:number}} {{m:/1./}}', '* SEARCH 14 3 5'),
    new Map([
      ['n', '5'],
      ['m', '14'],
    ]),
    'a capture that was too greedy is taken back',
  );
});
