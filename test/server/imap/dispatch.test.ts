import t from 'tap';
import type { ReaderEvent } from '../../../protocol/reader-event.ts';
import { AnswerQueue } from '../../../server/imap/answer-queue.ts';
import { commandTable, handleEvent } from '../../../server/imap/dispatch.ts';
import { defaultServiceLimits } from '../../../server/imap/limits.ts';
import { ByeError, Responses } from '../../../server/imap/responses.ts';
import type { Session } from '../../../server/imap/session.ts';
import { ConnectionLostError, type ByteSink } from '../../../server/net/byte-stream.ts';
import { StoreError } from '../../../store/mail-store.ts';
import { startImapService } from '../../fixtures/imap-service.ts';
import { readEvents } from '../../fixtures/read-events.ts';

const { login } = await startImapService(t);

await t.test('no name that a client invents breaks a response', async (t) => {
  const client = await login();
  // U+010D U+010A end in the bytes of CR and LF: what stands behind them must not become a line of its own.
  for (const [command, code] of [
    ['CREATE "&AQ0BCg-* 9 EXISTS"', 'CANNOT'],
    ['DELETE "&AQ0BCg-* 9 EXISTS"', 'NONEXISTENT'],
    ['RENAME "&AQ0BCg-* 9 EXISTS" b', 'NONEXISTENT'],
    ['SELECT "&AQ0BCg-* 9 EXISTS"', 'NONEXISTENT'],
    ['STATUS "&AQ0BCg-* 9 EXISTS" (MESSAGES)', 'NONEXISTENT'],
  ] as const) {
    const { status, untagged, text } = await client.command(command);
    t.same({ status, untagged }, { status: 'NO', untagged: [] }, command);
    t.match(text, new RegExp(`^\\[${code}\\] [ -~]+$`), command);
  }
  for (const name of ['&AQ0BCg-+ go', '&AQ0BCg-a1 OK done']) {
    await client.ok(`CREATE "${name}"`);
    const { untagged } = await client.ok(`LIST "" "${name}"`);
    t.same(
      untagged.map(({ text }) => text),
      [`* LIST (\\HasNoChildren) "/" "${name}"`],
    );
  }
});

/** A session that has selected a mailbox, as far as dispatch needs it, and what it has been told and counted. */
function makeSession(parts: {
  readonly sync?: () => Promise<void>;
  readonly store?: object;
  readonly account?: undefined;
  readonly selected?: undefined;
}) {
  const chunks: string[] = [];
  const calls: string[] = [];
  const transport: ByteSink = {
    write: (data) => void chunks.push(Buffer.from(data as string, 'latin1').toString('latin1')),
    isFull: false,
    drained: async () => {},
    destroy: () => void calls.push('destroy'),
  };
  const out = new Responses(transport, 1 << 20);
  const session = {
    out,
    account: { id: 1, name: 'alice' },
    accountId: 1,
    selected: {},
    sync: async ({ expunge }: { readonly expunge: boolean }) =>
      void calls.push(expunge ? 'sync' : 'sync without EXPUNGE'),
    omitOwn: (_names: readonly string[], work: () => Promise<unknown>) => work(),
    isOff: () => true,
    countCommand: () => {},
    beginCommand: () => {},
    endCommand: () => {},
    countBadCommand: () => {},
    log: (level: string) => void calls.push(level),
    connection: {
      rejectLiteral: () => void calls.push('rejectLiteral'),
      answers: new AnswerQueue(defaultServiceLimits, {
        onFailure: () => undefined,
        onEmpty: () => undefined,
      }),
    },
    context: {
      limits: defaultServiceLimits,
      metrics: {
        recordCommand: (name: string, result: string) => void calls.push(`${name} ${result}`),
      },
    },
    ...parts,
  } as unknown as Session;
  const told = () => {
    out.flush();
    return chunks.join('');
  };
  return { session, out, calls, told };
}

/** What the reader reads of a command. */
function eventOf(text: string): ReaderEvent {
  const event = readEvents([`a ${text}\r\n`])[0];
  if (event === undefined) throw new Error('Expected an event');
  return event;
}

await t.test(
  'a sync that fails behind a command that has worked leaves it OK, and ends',
  async (t) => {
    const failure = new Error('Disk on fire');
    const sync = async () => {
      throw failure;
    };
    const { session, told, calls } = makeSession({ sync });
    await t.rejects(async () => handleEvent(session, eventOf('CHECK')), failure);
    t.equal(told(), 'a OK CHECK completed\r\n');
    t.same(calls, ['CHECK ok']);
  },
);

await t.test('a mailbox that is gone ends the session behind the answer', async (t) => {
  const sync = async () => {
    throw new ByeError('The selected mailbox has been deleted');
  };
  for (const store of [
    {},
    { createMailbox: () => Promise.reject(new StoreError('ALREADYEXISTS', 'It is there')) },
  ]) {
    const { session, told } = makeSession({ sync, store });
    const line = 'createMailbox' in store ? 'CREATE x' : 'NOOP';
    await t.rejects(
      async () => handleEvent(session, eventOf(line)),
      new ByeError('The selected mailbox has been deleted'),
    );
    t.match(told(), line === 'NOOP' ? /^a OK / : /^a NO \[ALREADYEXISTS\] It is there\r\n$/);
  }
});

await t.test('errors become answers in one place', async (t) => {
  const broken = new Error('secret detail');
  const { session, told, calls } = makeSession({
    store: { createMailbox: () => Promise.reject(broken) },
  });
  t.equal(await handleEvent(session, eventOf('CREATE x')), false);
  t.equal(told(), 'a NO [SERVERBUG] Internal error, it has been logged\r\n');
  t.same(calls, ['error', 'sync', 'CREATE error']);
});

await t.test('an error within a response ends the connection without a further word', async (t) => {
  const { session, out, told, calls } = makeSession({
    store: {
      createMailbox: async () => {
        out.begin().number(1).atom('FETCH').open();
        throw new Error('Disk on fire');
      },
    },
    sync: async () => {},
  });
  await t.rejects(async () => handleEvent(session, eventOf('CREATE x')), ConnectionLostError);
  t.equal(told(), '* 1 FETCH (');
  t.same(calls, ['error', 'destroy', 'CREATE error']);
});

await t.test('commands need the state that their row says', async (t) => {
  const refused = async (line: string, parts: Parameters<typeof makeSession>[0]) => {
    const { session, told, calls } = makeSession(parts);
    await handleEvent(session, eventOf(line));
    return [told(), ...calls];
  };
  t.same(await refused('LOGIN a b', {}), [
    'a BAD LOGIN is not allowed after login\r\n',
    'rejectLiteral',
    'sync',
    'LOGIN bad',
  ]);
  t.match(await refused('CREATE x', { account: undefined }), [
    'a BAD CREATE needs a login first\r\n',
  ]);
  t.match(await refused('FETCH 1 FLAGS', { selected: undefined }), [
    'a BAD FETCH needs a selected mailbox\r\n',
  ]);
});

await t.test(
  'messages are told as gone only behind commands that do not use their numbers',
  async (t) => {
    const held = [
      ['FETCH 1 FLAGS', 'UID FETCH 1 FLAGS'],
      ['STORE 1 FLAGS a', 'UID STORE 1 FLAGS a'],
      ['SEARCH ALL', 'UID SEARCH ALL'],
      ['SORT (DATE) UTF-8 ALL', 'UID SORT (DATE) UTF-8 ALL'],
      ['THREAD REFERENCES UTF-8 ALL', 'UID THREAD REFERENCES UTF-8 ALL'],
      // It answers UIDs always, but numbers can be among its keys.
      ['ESEARCH IN (selected) 1', 'ESEARCH IN (selected) ALL'],
    ] as const;
    for (const [numbers, uids] of held) {
      for (const [line, told] of [
        [numbers, 'sync without EXPUNGE'],
        [uids, 'sync'],
      ] as const) {
        const { session, calls } = makeSession({ selected: undefined });
        await handleEvent(session, eventOf(line));
        t.ok(calls.includes(told), line);
      }
    }
    for (const [name, row] of Object.entries(commandTable)) {
      t.equal(row.numbers, held.some(([line]) => line.startsWith(name)) ? 'uses' : 'breaks', name);
    }
  },
);
