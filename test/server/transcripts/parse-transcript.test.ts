import t from 'tap';
import { parseTranscript } from '../../../server/transcripts/parse-transcript.ts';
import { TranscriptSyntaxError } from '../../../server/transcripts/transcript-error.ts';

/** What the client sends in the only scenario, with CRLF as line ends. */
function sentBy(text: string): string {
  const [scenario] = parseTranscript(text).scenarios;
  return (scenario?.steps ?? [])
    .map((step) => (step.type === 'send' ? step.text.text : ''))
    .join('');
}

await t.test('an example of an RFC is read as it is printed', async (t) => {
  const text = String.raw`
         C: A003 APPEND saved-messages (\Seen) {14}
         S: + Ready for literal data
         C: Subject: a
         C:
         C:
         S: A003 OK APPEND completed
         C: A004 FETCH 12 BODY[HEADER]
         S: * 12 FETCH (FLAGS (\Seen) RFC822.SIZE 4286
            BODY[HEADER] {6}
         S: a: b
         S: )
         S: A004 OK FETCH completed
  `;
  t.equal(
    sentBy(text),
    'A003 APPEND saved-messages (\\Seen) {14}\r\nSubject: a\r\n\r\n\r\nA004 FETCH 12 BODY[HEADER]\r\n',
  );
  const steps = parseTranscript(text).scenarios[0]?.steps ?? [];
  t.match(
    steps.map(({ type, line }) => [type, line]),
    [
      ['send', 2],
      ['expect', 3],
      ['send', 4],
      ['expect', 7],
      ['send', 8],
      ['expect', 9],
      ['expect', 13],
    ],
  );
  const fetch = steps[5];
  t.match(fetch, {
    response: {
      isJoined: true,
      shape: {
        type: 'data',
        values: [{}, {}, { values: [{}, {}, {}, {}, {}, { text: 'a: b\r\n' }] }],
      },
    },
  });
});

await t.test('a literal may end within a line, and be followed by another one', async (t) => {
  t.equal(
    sentBy('C: a LOGIN {4+}\nC: fred {6+}\nC: secret\n'),
    'a LOGIN {4+}\r\nfred {6+}\r\nsecret\r\n',
  );
  const behind = sentBy('C: a APPEND b {*+}\nC| x\nC:  (y)\n');
  t.match(behind, /x\r\n \(y\)\r\n$/, 'with the space before it');
});

await t.test('scenarios have keys of their own and those of the file', async (t) => {
  const { scenarios } = parseTranscript(String.raw`
# For all.
rfc: RFC 3501
needs: IDLE
allow: * {{number}} RECENT

== First
needs: UIDPLUS
state: selected
messages: INBOX 3 (\Seen)
message: "Sent mail" (\Draft $Junk) "17-Jul-1996 02:44:25 -0700"
| Subject: one
|
|  two {{\xff}}
C: a NOOP
S: a OK x
== Second ==
revision: rev1
transport: plain
state: not authenticated
lacks: LITERAL-
mailbox: Archive/2024
C2: a NOOP
S2 rev1?: * 1 RECENT
S2: a OK x
S2 closes
`);
  t.match(scenarios, [
    {
      title: 'First',
      line: 7,
      rfc: 'RFC 3501',
      needs: ['IDLE', 'UIDPLUS'],
      state: 'selected',
      revisions: ['rev1', 'rev2'],
      messages: [
        { mailbox: 'INBOX', count: 3, flags: '\\Seen', text: undefined },
        {
          mailbox: 'Sent mail',
          flags: '\\Draft $Junk',
          internalDate: '17-Jul-1996 02:44:25 -0700',
          text: 'Subject: one\r\n\r\n two \xff\r\n',
          count: 1,
        },
      ],
      steps: [{ type: 'allow', line: 5 }, { type: 'send' }, { type: 'expect' }],
    },
    {
      title: 'Second',
      needs: ['IDLE'],
      lacks: ['LITERAL-'],
      transport: 'plain',
      state: 'not authenticated',
      revisions: ['rev1'],
      mailboxes: ['Archive/2024'],
      steps: [
        { type: 'allow' },
        { type: 'send', connection: 2 },
        { type: 'expect', isOptional: true, revision: 'rev1', connection: 2 },
        { type: 'expect' },
        { type: 'server-closes', connection: 2 },
      ],
    },
  ]);
});

await t.test('what is wrong is told with its line', async (t) => {
  const faults: readonly [string, number, RegExp][] = [
    ['', 1, /no line that begins with C: or S:/],
    ['C: a\nX: b', 2, /Cannot read "X: b"/],
    ['C: a\n  more\nS: b OK x\nmore', 4, /Cannot read "more"/],
    ['colour: red\nC: a', 1, /Unknown key "colour"/],
    [
      'state: asleep\nC: a',
      1,
      /"state:" is not authenticated or authenticated or selected, not "asleep"/,
    ],
    ['C: a\nstate: selected', 2, /belongs before the first/],
    ['messages: INBOX many\nC: a', 1, /MAILBOX NUMBER/],
    ['messages: INBOX 10001\nC: a', 1, /At most 10000/],
    ['message: INBOX\nC: a', 1, /begin with "\|"/],
    ['needs: X\n| a\nC: a', 1, /Only "message:"/],
    ['message: INBOX\n| {{number}}\nC: a', 2, /no placeholders/],
    ['C: a {{uid}}', 1, /"{{uid}}" was not captured before/],
    ['S: a OK {{x:colour}}', 1, /KIND is one of number/],
    ['S: a OK {{/(/}}', 1, /Cannot read "\/\(\/"/],
    ['C: a {5}\nC: hi\nS: a OK x', 2, /have 4 bytes, not 5/],
    ['C: a {4}\nC: hi\nS: a OK x', 2, /literal is whole, but not what it is in/],
    ['C: a {3}\nC: hi', 2, /ends between CR and LF/],
    ['C: a {*}\nS: a OK x\nC: b', 3, /C\| lines must follow/],
    ['C: a {*}', 1, /No C\| lines/],
    ['C| a', 1, /follow a C: line/],
    ['S| a', 1, /follow an S: line/],
    ['S: * 1 FETCH (BODY[] {*}\nS: )', 1, /No S\| lines/],
    ['S: * 1 FETCH (FLAGS (', 1, /a "\)" is missing/],
    ['S: * 1 FETCH  (FLAGS', 1, /two spaces/],
    ['in any order:\nC: a\nend', 2, /has S: lines/],
    ['in any order:\nS: * 1 EXISTS', 1, /and then "end"/],
    ['in any order:\nS: * 1 EXISTS\nS2: * 1 EXISTS\nend', 1, /all of one connection/],
    ['end', 1, /without/],
    ['S: ...\nC: a', 1, /needs one that must come/],
    ['S?: * 1 EXISTS', 1, /needs one that must come/],
    ['allow: a OK\nC: a', 1, /Only untagged/],
    ['C0: a', 1, /from 1/],
    ['C: a\n== empty', 2, /"empty" has no line/],
    [`S: * SEARCH${' {{number}}'.repeat(2001)}`, 1, /More than 2000 placeholders/],
  ];
  for (const [text, line, reason] of faults) {
    const name = JSON.stringify(text.slice(0, 60));
    try {
      parseTranscript(text);
      t.fail(`${name} was read`);
    } catch (error) {
      if (!(error instanceof TranscriptSyntaxError)) throw error;
      t.match(error.reason, reason, name);
      t.equal(error.line, line, name);
    }
  }
});
