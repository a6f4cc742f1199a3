/** What a server can do wrong, each with the reason why it is wrong. */
export const rules = {
  'number-beyond':
    'A message sequence number is larger than what the client was told (RFC 3501 2.3.1.2)',
  'wrong-uid': 'A number and a UID do not belong together, or no message has ever had this UID',
  'expunge-forbidden':
    'EXPUNGE while no command runs, or during FETCH, STORE or SEARCH by number (RFC 3501 7.4.1)',
  'vanished-form':
    'EXPUNGE to a client that enabled QRESYNC or UIDONLY, or VANISHED of a message that the client does not count (RFC 7162 3.2.10)',
  'uidonly-form':
    'A message sequence number to a client that enabled UIDONLY, or UIDFETCH to another (RFC 9586 3)',
  'resync-wrong':
    'A client that comes back with QRESYNC is not told of all that is gone (RFC 7162 3.2.5)',
  'expunge-alive': 'EXPUNGE or VANISHED tells that a message is gone that is still there',
  'exists-shrinks': 'EXISTS is smaller than the client knows, without EXPUNGE (RFC 3501 7.3.1)',
  'exists-wrong': 'EXISTS counts more messages than there ever were',
  'flags-wrong': 'Flags that the message never had, or no longer had when they were told',
  'modseq-back': 'A MODSEQ goes back (RFC 7162 3.1)',
  'modseq-wrong': 'A MODSEQ that does not belong to this state of the message',
  'modseq-missing': 'A change of flags is told without MODSEQ to a CONDSTORE client (RFC 7162 3.2)',
  'highestmodseq-back': 'HIGHESTMODSEQ goes back (RFC 7162 3.1.2)',
  'highestmodseq-early': 'HIGHESTMODSEQ covers a change that the client has not been told',
  'uid-reused':
    'A UID, or a name with its UIDVALIDITY, stands for another message (RFC 3501 2.3.1.1)',
  appenduid: 'APPENDUID is missing or wrong (RFC 4315 3)',
  copyuid: 'COPYUID is missing or wrong (RFC 4315 3)',
  modified: 'MODIFIED names the wrong messages (RFC 7162 3.1.3)',
  'status-append': 'The wrong tagged status of APPEND',
  'status-copy': 'The wrong tagged status of COPY or MOVE (RFC 2180 4.4)',
  'status-fetch': 'The wrong tagged status of FETCH (RFC 2180 4.1)',
  'status-mailbox': 'The wrong tagged status of SELECT, EXAMINE, CREATE, DELETE, RENAME or STATUS',
  'status-other': 'The wrong tagged status of another command',
  'status-search': 'The wrong tagged status of SEARCH',
  'status-store': 'The wrong tagged status of STORE (RFC 2180 4.2)',
  'inbox-rename':
    'RENAME of INBOX does not move its messages, with their flags and in their order, or leaves some (RFC 9051 6.3.6)',
  'search-wrong': 'SEARCH found what does not match, or did not find what matches',
  'context-wrong':
    'What a client makes of the updates of a search is not what one finds that searches (RFC 5267 4.3)',
  'context-order':
    'EXPUNGE of a message that is still among the results of a search by number (RFC 5267 4.3.4)',
  'fetch-missing': 'FETCH left out a message that exists and was asked for',
  'fetch-body': 'FETCH gave the body of another message',
  'opening-wrong': 'SELECT or EXAMINE told numbers that are not those of the mailbox',
  'counters-wrong': 'STATUS told numbers that are not those of the mailbox',
  'held-back': 'New mail or flags are held back by a command that forbids only EXPUNGE',
  'lost-change': 'A fresh client finds other flags than the commands have left',
  'lost-message': 'A fresh client finds other messages than the commands have left',
  'view-uids': 'After NOOP a client knows other messages than a fresh client finds',
  'view-flags': 'After NOOP a client knows other flags than a fresh client finds',
  'view-modseq': 'After NOOP a client knows another MODSEQ than a fresh client finds',
  'idle-deaf': 'A client in IDLE is not told what has changed (RFC 2177)',
  'recent-twice': 'Two read-write sessions have \\Recent for one message (RFC 3501 2.3.2)',
  'deleted-untold': 'A client is not told that its selected mailbox was deleted',
  bye: 'The server ended the connection without a reason',
  serverbug: 'The server tells of an error of its own ([SERVERBUG])',
  malformed: 'A response that is no IMAP',
  'no-answer': 'A command is not answered',
} as const;

export type Rule = keyof typeof rules;

const ruleNames = Object.keys(rules) as Rule[];

/** The rules that each fault of the first version breaks, so that a fault that is known does not hide others. */
export const knownFaults: ReadonlyMap<string, readonly Rule[]> = new Map([
  ['foreign-flags-lost', ['view-flags', 'view-modseq']],
  ['copy-of-expunged', ['status-copy']],
  ['idle-goes-deaf', ['idle-deaf']],
  ['seen-without-modseq', ['modseq-missing']],
  ['deletion-is-serverbug', ['serverbug']],
  ['fetch-of-expunged', ['status-fetch']],
  ['mail-held-back', ['held-back']],
  ['store-of-expunged', ['status-store']],
  ['search-beyond', ['status-search']],
  ['modseq-goes-back', ['modseq-back', 'flags-wrong']],
]);

/** The rule about the tagged status of each command; of any other it is `status-other`. */
export const statusRules: Readonly<Record<string, Rule>> = {
  APPEND: 'status-append',
  COPY: 'status-copy',
  MOVE: 'status-copy',
  FETCH: 'status-fetch',
  SEARCH: 'status-search',
  SORT: 'status-search',
  STORE: 'status-store',
  SELECT: 'status-mailbox',
  EXAMINE: 'status-mailbox',
  CREATE: 'status-mailbox',
  DELETE: 'status-mailbox',
  RENAME: 'status-mailbox',
  STATUS: 'status-mailbox',
};

/** Rules whose breach leaves the model and the clients as they should be, so that a round can go on. */
export const harmlessRules: ReadonlySet<Rule> = new Set([
  'held-back',
  'modseq-missing',
  'status-copy',
  'status-fetch',
  'status-search',
  'status-store',
]);

/** One rule that was broken, and how. */
export interface Problem {
  readonly rule: Rule;
  readonly detail: string;
}

/**
 * Rules by their names or those of {@link knownFaults}, with commas between.
 *
 * @throws Error for a name that is neither
 */
export function parseRules(text: string): ReadonlySet<Rule> {
  const names = text.split(',').filter((name) => name !== '');
  return new Set(
    names.flatMap((name): readonly Rule[] => {
      const rule = ruleNames.find((each) => each === name);
      if (rule !== undefined) return [rule];
      const known = knownFaults.get(name);
      if (known === undefined) throw new Error(`Unknown rule "${name}"`);
      return known;
    }),
  );
}
