import {
  accentedBodyWord,
  bodyWord,
  everydayMessage,
  type MailKind,
  subjectOf,
} from './everyday-mail.ts';
import type { ImapConnection } from './load/imap-connection.ts';

/**
 * What the server knows already. `warm`: it has answered the same on this connection. `connected`: the first such command
 * of a connection, on a server that has answered it to others. `restarted`: the first of all, after a start of the
 * server; what is on disk is in the cache of the system all the same. `cold feed`: the first in a mailbox that nobody has
 * selected before, on a server that has answered the same in another; `with its SELECT` counts its SELECT too.
 */
export type State = 'warm' | 'connected' | 'restarted' | 'cold feed' | 'with its SELECT';

/** Ratios of times to Dovecot's that are not to be passed. */
export type Bounds = Readonly<Partial<Record<State, number>>>;

/** Mailboxes by what they hold. `last unseen`: many small messages, of which only the last has not been seen. */
export type Content = MailKind | 'last unseen';

export const mailboxes: Readonly<Record<Content, string>> = {
  plain: 'INBOX',
  'long headers': 'Relayed',
  accents: 'Accents',
  base64: 'Encoded',
  'last unseen': 'Unread',
};

/** One command that mail clients send every day, or several. They leave the mailboxes as they were. */
export interface EverydayStep {
  readonly name: string;
  /** Changes are durable when they are answered, so they are judged against a Dovecot that syncs always. */
  readonly kind: 'reading' | 'changing';
  readonly content: Content;
  /** Which states it is measured in, and their bounds; one without a bound is only told. */
  readonly states: readonly State[];
  readonly bounds: Bounds;
  /** The mailbox is not selected before. */
  readonly isUnselected?: true;
  /** Connections that it needs; 1 if absent. */
  readonly clientCount?: number;
  /** Rounds of a run at most, where what comes before and after takes long. */
  readonly maxRounds?: number;
  /** What is timed. No two rounds on a server have the same number. */
  run(clients: readonly ImapConnection[], round: number): Promise<unknown>;
  /** Before and after each round, on the first connection; not timed. */
  before?(client: ImapConnection, round: number): Promise<unknown>;
  after?(client: ImapConnection, round: number): Promise<unknown>;
}

const appendCount = { pipelined: 300, oneByOne: 100, each: 25 };
const appendingClients = 16;
const reselectCount = 100;
const headerFields = 'BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE MESSAGE-ID)]';

/** Numbers of messages that are appended, above those of every mailbox. */
const firstAppended = 10_000_001;

export function everydaySteps(messageCount: number): readonly EverydayStep[] {
  return [
    ...flagSteps(),
    ...readingSteps(messageCount),
    ...searchSteps(messageCount),
    ...selectingSteps(),
    ...changingSteps(messageCount),
    ...appendingSteps(),
  ];
}

function flagSteps(): readonly EverydayStep[] {
  const all: Partial<EverydayStep> = {
    states: ['warm', 'connected', 'restarted', 'cold feed', 'with its SELECT'],
    bounds: { warm: 1.2, connected: 1.2, restarted: 2, 'cold feed': 2 },
  };
  return [
    reading('FETCH (UID FLAGS)', 'FETCH 1:* (UID FLAGS)', {}, all),
    reading('SEARCH UNSEEN', 'UID SEARCH UNSEEN', {}, all),
    reading('SEARCH FLAGGED', 'UID SEARCH FLAGGED', {}, all),
  ];
}

function readingSteps(messageCount: number): readonly EverydayStep[] {
  // Of a larger mailbox the answer would be hundreds of megabytes.
  const last = Math.min(messageCount, 10_000);
  return [
    reading('header fields', `FETCH 1:* (${headerFields})`, { warm: 1.2, connected: 1.2 }),
    reading(
      'header fields of 3 KB',
      `FETCH 1:* (${headerFields})`,
      { warm: 1.5, connected: 1.5 },
      { content: 'long headers' },
    ),
    reading('ENVELOPE', 'FETCH 1:* (ENVELOPE)', { warm: 0.43 }),
    reading('BODYSTRUCTURE', 'FETCH 1:* (BODYSTRUCTURE)', { warm: 0.34 }),
    reading(`bodies of ${last}`, `FETCH 1:${last} (BODY.PEEK[])`, { warm: 0.61 }),
    reading(
      'STATUS',
      'STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)',
      { warm: 0.65 },
      { isUnselected: true },
    ),
  ];
}

function searchSteps(messageCount: number): readonly EverydayStep[] {
  const subject = subjectOf(Math.ceil(messageCount / 2));
  const accented = Buffer.from(accentedBodyWord);
  const inAccented = (content: Content): EverydayStep => ({
    ...reading(`SEARCH BODY, ${content}`, '', { warm: 2 }, { content }),
    run: async ([client]) => client!.ok('UID SEARCH CHARSET UTF-8 BODY', accented),
  });
  return [
    // After the fields have been fetched once: Dovecot keeps them from then on, and clients do so before they search.
    reading('SEARCH SUBJECT', `UID SEARCH SUBJECT "${subject}"`, { warm: 1.5, connected: 1.5 }),
    reading('SEARCH BODY, plain', `UID SEARCH BODY "${bodyWord}"`, { warm: 0.7 }),
    inAccented('accents'),
    inAccented('base64'),
  ];
}

function selectingSteps(): readonly EverydayStep[] {
  const bounds = { warm: 1.5, connected: 1.5 };
  const select = (name: string, content: Content): EverydayStep => ({
    ...reading(name, `SELECT ${mailboxes[content]}`, bounds, { content, isUnselected: true }),
    after: async (client) => client.ok('UNSELECT'),
  });
  return [
    select('SELECT', 'plain'),
    {
      ...reading(`${reselectCount} reselects`, '', { warm: 1.5 }, { states: ['warm'] }),
      run: async ([client]) => {
        for (let count = 0; count < reselectCount; count++) await client!.ok('SELECT INBOX');
      },
    },
    select('SELECT, last unseen', 'last unseen'),
  ];
}

function changingSteps(messageCount: number): readonly EverydayStep[] {
  const copied = Math.min(1_000, messageCount);
  const bounds = { warm: 1.2 };
  return [
    ...['', '.SILENT'].map((silent) =>
      changing(`STORE +FLAGS${silent}`, `STORE 1:* +FLAGS${silent} (\\Answered)`, bounds, {
        after: async (client) => client.ok('STORE 1:* -FLAGS.SILENT (\\Answered)'),
      }),
    ),
    changing(`COPY of ${copied}`, `COPY 1:${copied} Copies`, bounds, {
      before: async (client) => client.ok('CREATE Copies'),
      after: async (client) => client.ok('DELETE Copies'),
    }),
    changing('EXPUNGE of all', 'EXPUNGE', bounds, {
      maxRounds: 3,
      before: async (client) => {
        await client.ok('CREATE Copies');
        await client.ok('COPY 1:* Copies');
        await client.ok('SELECT Copies');
        await client.ok('STORE 1:* +FLAGS.SILENT (\\Deleted)');
      },
      after: async (client) => {
        await client.ok('SELECT INBOX');
        await client.ok('DELETE Copies');
      },
    }),
  ];
}

function appendingSteps(): readonly EverydayStep[] {
  const { pipelined, oneByOne, each } = appendCount;
  return [
    appending(`${pipelined} APPENDs, pipelined`, pipelined, 0.67, async ([client], messages) =>
      client!.appendAll('Appended', messages),
    ),
    appending(`${oneByOne} APPENDs, one by one`, oneByOne, 0.56, async ([client], messages) =>
      appendInTurn(client!, messages),
    ),
    {
      ...appending(
        `${each} APPENDs of ${appendingClients} each`,
        each * appendingClients,
        0.3,
        async (clients, messages) =>
          Promise.all(
            clients.map((client, index) =>
              appendInTurn(client, messages.slice(index * each, (index + 1) * each)),
            ),
          ),
      ),
      clientCount: appendingClients,
    },
  ];
}

/** A step that appends messages which no round before it has appended. */
function appending(
  name: string,
  count: number,
  bound: number,
  append: (clients: readonly ImapConnection[], messages: readonly Buffer[]) => Promise<unknown>,
): EverydayStep {
  let messages: readonly Buffer[] = [];
  return {
    ...changing(name, '', { warm: bound }, { isUnselected: true, maxRounds: 5 }),
    before: async (client, round) => {
      const first = firstAppended + round * count;
      messages = Array.from({ length: count }, (_, index) => everydayMessage(first + index));
      await client.ok('CREATE Appended');
    },
    run: async (clients) => append(clients, messages),
    after: async (client) => client.ok('DELETE Appended'),
  };
}

async function appendInTurn(client: ImapConnection, messages: readonly Buffer[]): Promise<void> {
  for (const message of messages) await client.ok('APPEND Appended', message);
}

function reading(
  name: string,
  command: string,
  bounds: Bounds,
  more: Partial<EverydayStep> = {},
): EverydayStep {
  return {
    name,
    kind: 'reading',
    content: 'plain',
    states: ['warm', 'connected', 'restarted'],
    bounds,
    run: async ([client]) => client!.ok(command),
    ...more,
  };
}

function changing(
  name: string,
  command: string,
  bounds: Bounds,
  more: Partial<EverydayStep> = {},
): EverydayStep {
  return { ...reading(name, command, bounds), kind: 'changing', states: ['warm'], ...more };
}
