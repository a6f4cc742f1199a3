import t from 'tap';
import type { ImapClient } from '../../../fixtures/imap-client.ts';
import { startImapService, texts } from '../../../fixtures/imap-service.ts';

const { newClient } = await startImapService(t);

/** A message, as far as it is threaded; the hour stands for the date. */
interface Sent {
  readonly id?: string;
  readonly to?: string;
  readonly references?: string;
  readonly subject?: string;
  readonly hour: number;
}

async function append(client: ImapClient, ...messages: readonly Sent[]): Promise<void> {
  for (const { id, to, references, subject = id ?? '', hour } of messages) {
    const lines = [
      `Date: Thu, 1 Feb 2024 ${String(hour).padStart(2, '0')}:00:00 +0000`,
      `Subject: ${subject}`,
      ...(id === undefined ? [] : [`Message-ID: <${id}@x>`]),
      ...(to === undefined ? [] : [`In-Reply-To: <${to}@x>`]),
      ...(references === undefined
        ? []
        : [
            `References: ${references
              .split(' ')
              .map((each) => `<${each}@x>`)
              .join('\r\n ')}`,
          ]),
    ];
    await client.ok('APPEND INBOX', Buffer.from([...lines, '', 'Text', ''].join('\r\n')));
  }
}

/** The threads of messages in a mailbox of their own. */
async function threads(algorithm: string, ...messages: readonly Sent[]): Promise<string> {
  const client = await newClient();
  await client.ok('SELECT INBOX');
  await append(client, ...messages);
  return threadsOf(client, algorithm);
}

async function threadsOf(client: ImapClient, algorithm: string): Promise<string> {
  const lines = texts(await client.ok(`THREAD ${algorithm} UTF-8 ALL`));
  return lines.join('\n').replace(/^\* THREAD ?/, '');
}

await t.test('ORDEREDSUBJECT: one thread a base subject, by the date of the first', async (t) => {
  t.equal(
    await threads(
      'ORDEREDSUBJECT',
      { subject: 'b', hour: 5 },
      { subject: 'Re: A', hour: 4 },
      { subject: 'a', hour: 3 },
      { subject: 'Re: [list] a', hour: 6 },
      { subject: 'c', hour: 1 },
      { subject: 'fwd: c', hour: 2 },
    ),
    '(5 6)(3 (2)(4))(1)',
  );
  t.equal(await threads('ORDEREDSUBJECT'), '', 'of no messages');
});

await t.test('REFERENCES: parents and children', async (t) => {
  t.equal(
    await threads(
      'REFERENCES',
      { id: 'a', hour: 1 },
      { id: 'b', references: 'a', hour: 3 },
      { id: 'c', references: 'a b', hour: 4 },
      { id: 'd', to: 'a', hour: 2 },
      { id: 'e', hour: 0 },
    ),
    '(5)(1 (4)(2 3))',
  );
  t.equal(
    await threads(
      'REFERENCES',
      { id: 'c', references: 'a b', hour: 3 },
      { id: 'b', references: 'a', hour: 2 },
      { id: 'a', hour: 1 },
    ),
    '(3 2 1)',
    'in whatever order they came',
  );
  t.equal(
    await threads('REFERENCES', { id: 'a', hour: 1 }, { id: 'b', references: '"a"', hour: 2 }),
    '(1 2)',
    'ids may be quoted',
  );
  t.equal(
    await threads('REFERENCES', { id: 'a', hour: 1 }, { id: 'b', references: 'A', hour: 2 }),
    '(1)(2)',
    'and capitals count in them',
  );
});

await t.test('REFERENCES: messages that are not there', async (t) => {
  t.equal(
    await threads(
      'REFERENCES',
      { id: 'b', references: 'lost', hour: 2 },
      { id: 'c', references: 'lost', hour: 1 },
      { id: 'd', hour: 0 },
    ),
    '(3)((2)(1))',
    'keep their children together',
  );
  t.equal(
    await threads('REFERENCES', { id: 'b', references: 'one two', hour: 2 }),
    '(1)',
    'are nothing above a single one',
  );
  t.equal(
    await threads(
      'REFERENCES',
      { id: 'a', hour: 1 },
      { id: 'b', references: 'a lost', hour: 2 },
      { id: 'c', references: 'a lost', hour: 3 },
    ),
    '(1 (2)(3))',
    'nor between others',
  );
});

await t.test('REFERENCES: links that cannot be', async (t) => {
  t.equal(
    await threads(
      'REFERENCES',
      { id: 'a', references: 'b', subject: 'one', hour: 1 },
      { id: 'b', references: 'a', subject: 'two', hour: 2 },
    ),
    '(2 1)',
    'a loop',
  );
  t.equal(
    await threads('REFERENCES', { id: 'a', references: 'a', hour: 1 }),
    '(1)',
    'a message below itself',
  );
  t.equal(
    await threads(
      'REFERENCES',
      { id: 'a', hour: 1 },
      { id: 'a', subject: 'twin', hour: 2 },
      { id: 'b', references: 'a', hour: 3 },
    ),
    '(1 3)(2)',
    'of two with one id the first counts',
  );
  t.equal(
    await threads(
      'REFERENCES',
      { id: 'c', references: 'a b', hour: 3 },
      { id: 'b', references: 'd', hour: 2 },
      { id: 'a', hour: 0 },
      { id: 'd', hour: 1 },
    ),
    '(3)(4 2 1)',
    'its own references count more than those of others',
  );
});

await t.test('REFERENCES: threads with one subject are merged', async (t) => {
  for (const [messages, expected] of [
    [
      [
        { subject: 'a', hour: 1 },
        { subject: 'Re: a', hour: 2 },
      ],
      '(1 2)',
    ],
    [
      [
        { subject: 'Re: a', hour: 1 },
        { subject: 'a', hour: 2 },
      ],
      '(2 1)',
    ],
    [
      [
        { subject: 'a', hour: 2 },
        { subject: 'a', hour: 1 },
      ],
      '((2)(1))',
    ],
    [
      [
        { subject: 'Re: a', hour: 2 },
        { subject: 'Re: a', hour: 1 },
      ],
      '((2)(1))',
    ],
    [
      [
        { subject: '', hour: 1 },
        { subject: '', hour: 2 },
      ],
      '(1)(2)',
    ],
    [
      [
        { subject: 'a', hour: 1 },
        { subject: 'a', hour: 2 },
        { subject: 'Re: a', hour: 3 },
      ],
      '((1)(2)(3))',
    ],
    [
      [
        { id: 'b', references: 'x', subject: 'a', hour: 2 },
        { id: 'c', references: 'x', subject: 'b', hour: 3 },
        { id: 'd', references: 'y', subject: 'Re: a', hour: 4 },
        { id: 'e', references: 'y', subject: 'c', hour: 5 },
      ],
      '((1)(2)(3)(4))',
    ],
    [
      [
        { id: 'b', references: 'x', subject: 'a', hour: 2 },
        { id: 'c', references: 'x', subject: 'b', hour: 3 },
        { id: 'd', subject: 'a', hour: 1 },
      ],
      '((3)(1)(2))',
    ],
  ] as const) {
    t.equal(await threads('REFERENCES', ...messages), expected);
  }
});

await t.test(
  'REFS does without subjects, and the thread with the newest message is last',
  async (t) => {
    const client = await newClient();
    await client.ok('SELECT INBOX');
    await append(
      client,
      { id: 'a', subject: 'one', hour: 5 },
      { id: 'b', subject: 'one', hour: 4 },
      { id: 'd', references: 'b', hour: 9 },
      { id: 'c', references: 'b', hour: 8 },
      { id: 'e', references: 'a', hour: 1 },
    );
    t.equal(await threadsOf(client, 'REFS'), '(2 (4)(3))(1 5)');
    t.equal(await threadsOf(client, 'REFERENCES'), '((2 (4)(3))(1 5))');
  },
);

await t.test('what came since, what went, and UIDs', async (t) => {
  const client = await newClient();
  await client.ok('SELECT INBOX');
  await append(client, { id: 'x', hour: 0 }, { id: 'b', references: 'a', hour: 2 });
  t.equal(await threadsOf(client, 'REFERENCES'), '(1)(2)');
  await append(client, { id: 'a', hour: 1 }, { id: 'c', references: 'a', hour: 3 });
  t.equal(await threadsOf(client, 'REFERENCES'), '(1)(3 (2)(4))');
  await client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await client.ok('EXPUNGE');
  t.equal(await threadsOf(client, 'REFERENCES'), '(2 (1)(3))');
  t.same(texts(await client.ok('UID THREAD REFERENCES UTF-8 ALL')), ['* THREAD (3 (2)(4))']);
  t.same(texts(await client.ok('THREAD REFERENCES UTF-8 2:3')), ['* THREAD (2 3)']);
  t.match(await client.command('THREAD REFERENCES X-NONE ALL'), {
    status: 'NO',
    text: /^\[BADCHARSET \(/,
  });
});

await t.test('a thread that is deep', async (t) => {
  const client = await newClient();
  await client.ok('SELECT INBOX');
  const count = 60;
  for (let number = count; number > 0; number--) {
    const references = number === 1 ? undefined : `m${number - 1}`;
    await append(client, { id: `m${number}`, hour: 1, ...(references && { references }) });
  }
  const numbers = Array.from({ length: count }, (_, index) => count - index);
  t.equal(await threadsOf(client, 'REFERENCES'), `(${numbers.join(' ')})`);
});
