import { SeededRandom } from '../fixtures/seeded-random.ts';
import { HonestMailbox, isFoundBy, type HonestMessage } from './honest-mailbox.ts';
import { changedFlags, inboxName } from './mailbox-model.ts';
import type { ModelClient } from './model-client.ts';
import type { Rule } from './rules.ts';
import { flagsOf, flagText, parseResponse, type ServerResponse } from './server-responses.ts';
import { NoAnswerError } from './wire-client.ts';

/**
 * A little IMAP server in memory that never lies, unless it is told to break one rule. It shows that the model
 * test lets an honest server pass, and that each rule can fail. It understands only what the model test sends.
 */
export class HonestServer {
  readonly random: SeededRandom;
  readonly #lie: Rule | undefined;
  readonly #accounts: readonly Map<string, HonestMailbox>[];
  readonly #clients = new Set<HonestClient>();
  #uidValidity = 0;

  constructor(seed: number, lie?: Rule) {
    this.random = new SeededRandom(seed);
    this.#lie = lie;
    this.#accounts = [0, 1].map(
      () => new Map([[inboxName, new HonestMailbox(this.nextUidValidity())]]),
    );
  }

  connect(account: number): HonestClient {
    const client = new HonestClient(this, this.#accounts[account]!);
    this.#clients.add(client);
    return client;
  }

  /** True if the server breaks this rule now: half of the times, if it is the one that it breaks. */
  lies(rule: Rule): boolean {
    return rule === this.#lie && this.random.chance(0.5);
  }

  nextUidValidity(): number {
    return ++this.#uidValidity;
  }

  /** Does all commands that wait, in a random order of the clients, and tells those in IDLE. */
  run(): void {
    for (;;) {
      const busy = [...this.#clients].filter((client) => client.hasCommands);
      if (busy.length === 0) break;
      this.random.pick(busy).runNext();
    }
    for (const client of this.#clients) {
      if (client.isIdle && this.#lie !== 'idle-deaf') client.tell(true);
      if (client.isClosed) this.#clients.delete(client);
    }
  }
}

/** A connection to the server and its state there. */
export class HonestClient implements ModelClient {
  isClosed = false;
  readonly #server: HonestServer;
  readonly #mailboxes: Map<string, HonestMailbox>;
  #queue: { tag: string; text: string }[] = [];
  #received: ServerResponse[] = [];
  #tagCount = 0;
  #idleTag: string | undefined;
  #hasCondstore = false;
  #selected: HonestMailbox | undefined;
  #isReadOnly = false;
  /** UIDs that the client was told of, with the modseq of which it was told. */
  #view: { uid: number; modseq: number }[] = [];
  #recent = new Set<number>();

  constructor(server: HonestServer, mailboxes: Map<string, HonestMailbox>) {
    this.#server = server;
    this.#mailboxes = mailboxes;
  }

  get hasCommands(): boolean {
    return this.#queue.length > 0;
  }

  get isIdle(): boolean {
    return this.#idleTag !== undefined;
  }

  send(command: string): string {
    return this.sendAll([command])[0]!;
  }

  sendAll(commands: readonly string[]): string[] {
    const tags = commands.map((text) => (text === 'DONE' ? '' : `t${++this.#tagCount}`));
    for (const [index, text] of commands.entries()) this.#queue.push({ tag: tags[index]!, text });
    return tags;
  }

  answered(...tags: readonly string[]): Promise<void> {
    this.#server.run();
    const isAnswered = this.#received.some(
      (each) =>
        (each.kind === 'tagged' && tags.includes(each.tag)) ||
        (each.kind === 'continue' && tags.includes('+')),
    );
    if (isAnswered || this.isClosed) return Promise.resolve();
    return Promise.reject(new NoAnswerError(tags.join(' or ')));
  }

  arrival(): Promise<void> {
    this.#server.run();
    return Promise.resolve();
  }

  take(): ServerResponse[] {
    const received = this.#received;
    this.#received = [];
    return received;
  }

  drop(): void {
    this.isClosed = true;
    this.#queue = [];
    this.#idleTag = undefined;
  }

  /** Does the next command. */
  runNext(): void {
    const { tag, text } = this.#queue.shift()!;
    const server = this.#server;
    if (this.#selected?.isDeleted === true && !server.lies('deleted-untold')) return this.#bye();
    if (server.lies('bye') && server.random.chance(0.1)) return this.#bye();
    if (server.lies('no-answer') && server.random.chance(0.1)) return;
    if (server.lies('malformed')) this.#emit('* 1 WHAT');
    const answer = this.#carryOut(text, tag);
    if (answer === undefined) return;
    const usesNumbers = /^(STORE|FETCH|SEARCH) /.test(text);
    if (!usesNumbers || server.lies('expunge-forbidden')) this.tell(true);
    else if (!server.lies('held-back')) this.tell(false);
    if (server.lies('serverbug')) return this.#emit(`${tag} NO [SERVERBUG] Internal error`);
    this.#emit(`${tag} ${this.#lieAbout(text, answer)}`);
  }

  /** Tells what has changed in the selected mailbox; EXPUNGE only if it may be told. */
  tell(canExpunge: boolean): void {
    const mailbox = this.#selected;
    if (mailbox === undefined) return;
    if (mailbox.isDeleted) {
      if (this.isIdle && !this.#server.lies('deleted-untold')) this.#bye();
      return;
    }
    if (canExpunge && !this.#server.lies('view-uids')) this.#tellExpunged(mailbox);
    this.#tellNew(mailbox);
    for (const [index, told] of this.#view.entries()) {
      const message = mailbox.find(told.uid);
      if (message === undefined || message.modseq === told.modseq) continue;
      if (this.#server.lies('view-flags')) told.modseq = message.modseq;
      else {
        const hasModseq = this.#hasCondstore && !this.#server.lies('view-modseq');
        this.#tellFlags(index, message, { hasUid: true, hasFlags: true }, hasModseq);
        this.#view[index] = { uid: told.uid, modseq: message.modseq };
      }
    }
  }

  #tellExpunged(mailbox: HonestMailbox): void {
    for (let index = 0; index < this.#view.length;) {
      if (mailbox.find(this.#view[index]!.uid) !== undefined) index += 1;
      else {
        const isOther = this.#server.lies('expunge-alive') && this.#view.length > 1;
        const at = isOther ? (index === 0 ? 1 : 0) : index;
        this.#view.splice(at, 1);
        this.#emit(`* ${at + 1 + (this.#server.lies('number-beyond') ? 100 : 0)} EXPUNGE`);
      }
    }
  }

  #tellNew(mailbox: HonestMailbox): void {
    const last = this.#view.at(-1)?.uid ?? 0;
    const added = mailbox.messages.filter(({ uid }) => uid > last);
    if (added.length > 0) {
      this.#know(added);
      this.#emit(`* ${this.#view.length + (this.#server.lies('exists-wrong') ? 50 : 0)} EXISTS`);
    } else if (this.#view.length > 0 && this.#server.lies('exists-shrinks')) {
      this.#emit(`* ${this.#view.length - 1} EXISTS`);
    }
  }

  #know(messages: readonly HonestMessage[]): void {
    for (const message of messages) {
      const { uid, modseq } = message;
      this.#view.push({ uid, modseq });
      if (!message.isNew) continue;
      this.#recent.add(uid);
      if (!this.#isReadOnly && !this.#server.lies('recent-twice')) message.isNew = false;
    }
  }

  #tellFlags(
    index: number,
    message: HonestMessage,
    { hasUid, hasFlags, body }: { hasUid?: boolean; hasFlags?: boolean; body?: string },
    hasModseq = this.#hasCondstore,
  ): void {
    const server = this.#server;
    const { uid, modseq, flags } = message;
    const words = [...flags, ...(this.#recent.has(uid) ? ['\\Recent'] : [])];
    if (server.lies('flags-wrong')) words.push('lie');
    const isKnown = this.#view[index]?.modseq === modseq;
    const wrong =
      isKnown && server.lies('modseq-back') ? -1 : server.lies('modseq-wrong') ? 1000 : 0;
    const items = [
      ...(hasUid === true ? [`UID ${uid + (server.lies('wrong-uid') ? 1 : 0)}`] : []),
      ...(hasFlags === true ? [`FLAGS (${words.join(' ')})`] : []),
      ...(hasModseq ? [`MODSEQ (${modseq + wrong})`] : []),
      ...(body === undefined ? [] : [`BODY[] {${body.length}}`]),
    ];
    this.#emit(`* ${index + 1} FETCH (${items.join(' ')})`, body === undefined ? [] : [body]);
    const told = this.#view[index];
    if (told?.uid !== uid || hasFlags !== true) return;
    if (hasModseq || !this.#hasCondstore) this.#view[index] = { uid, modseq };
  }

  #emit(line: string, literals: readonly string[] = []): void {
    if (line === '* 1 WHAT')
      this.#received.push({ kind: 'condition', status: 'MALFORMED', code: line });
    else this.#received.push(parseResponse(line, literals));
  }

  #bye(): void {
    this.#emit('* BYE The selected mailbox has been deleted');
    this.drop();
  }

  #lieAbout(text: string, answer: string): string {
    const name = /^(?:UID )?([A-Z]+)/.exec(text)?.[1] ?? '';
    const rule = statusRules[name] ?? 'status-other';
    return answer.startsWith('OK') && this.#server.lies(rule) ? 'NO [CANNOT] A lie' : answer;
  }

  /** The tagged answer without its tag; undefined if there is none yet. */
  #carryOut(text: string, tag: string): string | undefined {
    const [name = '', ...words] = text.replace(/^UID /, '').split(' ');
    const isUid = text.startsWith('UID ');
    switch (name) {
      case 'IDLE':
        this.#idleTag = tag;
        this.#emit('+ idling');
        return undefined;
      case 'DONE':
        this.tell(true);
        this.#emit(`${this.#idleTag} OK IDLE completed`);
        this.#idleTag = undefined;
        return undefined;
      case 'ENABLE':
        this.#hasCondstore = true;
        return 'OK ENABLE completed';
      case 'CREATE':
      case 'DELETE':
      case 'RENAME':
        return this.#carryOutNaming(name, words);
      case 'SELECT':
      case 'EXAMINE':
        return this.#select(words[0]!, name === 'EXAMINE');
      case 'STATUS':
        return this.#status(words[0]!);
      case 'APPEND':
        return this.#append(text);
      case 'NOOP':
      case 'CHECK':
        return 'OK done';
      default:
        if (this.#selected === undefined) return 'BAD Select a mailbox first';
        return this.#carryOutSelected(name, text, isUid, this.#selected);
    }
  }

  #carryOutNaming(name: string, [first, second]: readonly string[]): string {
    const mailbox = this.#mailboxes.get(first!);
    if (name === 'CREATE') {
      if (mailbox !== undefined) return 'NO [ALREADYEXISTS] There is one';
      this.#mailboxes.set(first!, new HonestMailbox(this.#server.nextUidValidity()));
      return 'OK CREATE completed';
    }
    if (mailbox === undefined) return 'NO [NONEXISTENT] There is none';
    if (second !== undefined) {
      if (this.#mailboxes.has(second)) return 'NO [ALREADYEXISTS] There is one';
      if (first === inboxName) return this.#moveInbox(mailbox, second);
      this.#mailboxes.set(second, mailbox);
    } else {
      if (first === inboxName) return 'NO [CANNOT] INBOX stays';
      mailbox.isDeleted = true;
      if (this.#selected === mailbox) this.#selected = undefined;
    }
    this.#mailboxes.delete(first!);
    return `OK ${name} completed`;
  }

  #moveInbox(inbox: HonestMailbox, newName: string): string {
    const target = new HonestMailbox(this.#server.nextUidValidity());
    this.#mailboxes.set(newName, target);
    const moved = this.#server.lies('inbox-rename') ? inbox.messages.slice(1) : inbox.messages;
    for (const { body, flags } of moved) target.add(body, flags);
    if (!this.#server.lies('inbox-rename')) inbox.expunge(() => true);
    return 'OK RENAME completed';
  }

  #select(name: string, isReadOnly: boolean): string {
    if (this.#selected !== undefined) this.#emit('* OK [CLOSED] Closed');
    const mailbox = this.#mailboxes.get(name);
    this.#selected = mailbox;
    this.#view = [];
    this.#recent = new Set();
    this.#isReadOnly = isReadOnly;
    if (mailbox === undefined) return 'NO [NONEXISTENT] There is none';
    this.#know(mailbox.messages);
    const wrong = this.#server.lies('opening-wrong') ? 1 : 0;
    const unseen = mailbox.messages.findIndex((message) => !message.has('\\Seen'));
    this.#emit(`* ${this.#view.length} EXISTS`);
    if (unseen >= 0) this.#emit(`* OK [UNSEEN ${unseen + 1 + wrong}] First`);
    this.#emit(`* OK [UIDVALIDITY ${mailbox.uidValidity}] Valid`);
    this.#emit(`* OK [UIDNEXT ${wrong === 0 ? mailbox.uidNext : 1}] Next`);
    this.#emit(`* OK [HIGHESTMODSEQ ${this.#highest(mailbox)}] Highest`);
    return 'OK [READ-WRITE] SELECT completed';
  }

  #highest(mailbox: HonestMailbox): number {
    return this.#server.lies('highestmodseq-back') ? 1 : mailbox.modseq;
  }

  #status(name: string): string {
    const mailbox = this.#mailboxes.get(name);
    if (mailbox === undefined) return 'NO [NONEXISTENT] There is none';
    const { messages, uidNext, uidValidity } = mailbox;
    const unseenCount = messages.filter((message) => !message.has('\\Seen')).length;
    const count = messages.length + (this.#server.lies('counters-wrong') ? 1 : 0);
    const numbers = `MESSAGES ${count} UIDNEXT ${uidNext} UIDVALIDITY ${uidValidity}`;
    const highest = `HIGHESTMODSEQ ${this.#highest(mailbox)}`;
    this.#emit(`* STATUS ${name} (${numbers} UNSEEN ${unseenCount} ${highest})`);
    return 'OK STATUS completed';
  }

  #append(text: string): string {
    const [, name, flags, body] = /^APPEND (\S+) \(([^)]*)\) \{\d+\+\}\r\n([^]*)$/.exec(text)!;
    const mailbox = this.#mailboxes.get(name!);
    if (mailbox === undefined) return 'NO [TRYCREATE] There is none';
    if (this.#server.lies('uid-reused')) mailbox.forgetUids();
    const { uid } = mailbox.add(body!, words(flags!));
    if (this.#server.lies('lost-message')) mailbox.expunge(({ uid: each }) => each === uid);
    if (this.#server.lies('appenduid')) return 'OK APPEND completed';
    return `OK [APPENDUID ${mailbox.uidValidity} ${uid}] APPEND completed`;
  }

  #carryOutSelected(name: string, text: string, isUid: boolean, mailbox: HonestMailbox): string {
    switch (name) {
      case 'CLOSE':
      case 'UNSELECT':
        if (name === 'CLOSE' && !this.#isReadOnly) mailbox.expunge((each) => each.has('\\Deleted'));
        this.#selected = undefined;
        return `OK ${name} completed`;
      case 'SEARCH':
        return this.#search(text, isUid, mailbox);
      case 'EXPUNGE':
        return this.#expunge(text, isUid, mailbox);
      default: {
        const [, set, rest] = /^(?:UID )?[A-Z]+ (\S+) ?(.*)$/.exec(text)!;
        const named = this.#named(set!, isUid);
        if (named === undefined) return 'BAD No such message';
        const messages = named.flatMap((uid) => mailbox.find(uid) ?? []);
        if (name === 'FETCH') return this.#fetch(messages, rest!, isUid, mailbox);
        if (this.#isReadOnly && name !== 'COPY') return 'NO The mailbox is read-only';
        if (name === 'STORE') return this.#store(messages, rest!, isUid, mailbox);
        return this.#copy(messages, rest!, name === 'MOVE', mailbox);
      }
    }
  }

  /** UIDs that a set names; undefined if it names a number that there is not. */
  #named(set: string, isUid: boolean): number[] | undefined {
    const uids = this.#view.map(({ uid }) => uid);
    const largest = isUid ? (uids.at(-1) ?? 0) : uids.length;
    const ranges = set.split(',').map((range) => {
      const ends = range.split(':').map((end) => (end === '*' ? largest : Number(end)));
      return { first: Math.min(...ends), last: Math.max(...ends), isOpen: range.includes('*') };
    });
    if (!isUid && ranges.some(({ last, isOpen }) => last > largest && !isOpen)) return undefined;
    return uids.filter((uid, index) => {
      const number = isUid ? uid : index + 1;
      return ranges.some(({ first, last }) => number >= first && number <= last);
    });
  }

  #indexOf(uid: number): number {
    return this.#view.findIndex((told) => told.uid === uid);
  }

  #fetch(
    messages: readonly HonestMessage[],
    rest: string,
    isUid: boolean,
    mailbox: HonestMailbox,
  ): string {
    const since = Number(/CHANGEDSINCE (\d+)/.exec(rest)?.[1] ?? -1);
    const chosen = messages.filter(({ modseq }) => modseq > since);
    if (this.#server.lies('fetch-missing')) chosen.pop();
    for (const message of chosen) {
      const setsSeen = rest.includes('BODY[]') && !this.#isReadOnly && !message.has('\\Seen');
      if (setsSeen) mailbox.change([message], (flags) => [...flags, '\\Seen']);
      const other = this.#server.lies('fetch-body') ? 'Subject: other' : message.body;
      const asksModseq = rest.includes('MODSEQ') || since >= 0;
      const hasModseq = setsSeen && this.#hasCondstore && !this.#server.lies('modseq-missing');
      const items = {
        hasUid: isUid || rest.includes('UID'),
        hasFlags: rest.includes('FLAGS') || setsSeen,
        ...(rest.includes('BODY') && { body: other }),
      };
      this.#tellFlags(this.#indexOf(message.uid), message, items, asksModseq || hasModseq);
    }
    return 'OK FETCH completed';
  }

  #store(
    messages: readonly HonestMessage[],
    rest: string,
    isUid: boolean,
    mailbox: HonestMailbox,
  ): string {
    const [, sign, silent, list] = /([-+]?)FLAGS(\.SILENT)? \(([^)]*)\)$/.exec(rest)!;
    const since = Number(/UNCHANGEDSINCE (\d+)/.exec(rest)?.[1] ?? Infinity);
    const passed = messages.filter(({ modseq }) => modseq <= since);
    const others = messages.filter(({ modseq }) => modseq > since);
    const named = words(list!);
    const before = new Map(passed.map(({ uid, modseq }) => [uid, modseq]));
    if (!this.#server.lies('lost-change')) {
      const mode = ({ '+': 'add', '-': 'remove' } as const)[sign!] ?? 'replace';
      mailbox.change(passed, (flags) => flagsOf(changedFlags(flagText(flags), mode, named)));
    }
    for (const message of passed) {
      const index = this.#indexOf(message.uid);
      const hasModseq = this.#hasCondstore && !this.#server.lies('modseq-missing');
      const told = this.#view[index]!;
      if (silent === undefined) {
        this.#tellFlags(index, message, { hasUid: isUid, hasFlags: true }, hasModseq);
      } else {
        if (hasModseq) this.#tellFlags(index, message, { hasUid: isUid }, true);
        // What others have changed meanwhile is still to be told.
        if (told.modseq !== before.get(message.uid)) continue;
        this.#view[index] = { uid: message.uid, modseq: message.modseq };
      }
    }
    if (others.length === 0 || this.#server.lies('modified')) return 'OK STORE completed';
    const numbers = others.map(({ uid }) => (isUid ? uid : this.#indexOf(uid) + 1));
    return `OK [MODIFIED ${numbers.join(',')}] Conditional STORE failed`;
  }

  #copy(
    messages: readonly HonestMessage[],
    target: string,
    isMove: boolean,
    mailbox: HonestMailbox,
  ): string {
    const destination = this.#mailboxes.get(target);
    if (destination === undefined) return 'NO [TRYCREATE] There is none';
    const copies = messages.map(({ body, flags }) => destination.add(body, flags).uid);
    const uids = messages.map(({ uid }) => uid);
    if (isMove) mailbox.expunge(({ uid }) => uids.includes(uid));
    if (uids.length === 0 || this.#server.lies('copyuid')) return 'OK done';
    return `OK [COPYUID ${destination.uidValidity} ${uids.join(',')} ${copies.join(',')}] done`;
  }

  #expunge(text: string, isUid: boolean, mailbox: HonestMailbox): string {
    if (this.#isReadOnly) return 'NO The mailbox is read-only';
    const named = isUid ? (this.#named(text.split(' ')[2]!, true) ?? []) : undefined;
    mailbox.expunge(
      (message) => message.has('\\Deleted') && named?.includes(message.uid) !== false,
    );
    if (!this.#server.lies('highestmodseq-early')) this.tell(true);
    else for (const told of this.#view) told.modseq = mailbox.find(told.uid)?.modseq ?? 0;
    return `OK [HIGHESTMODSEQ ${mailbox.modseq}] EXPUNGE completed`;
  }

  #search(text: string, isUid: boolean, mailbox: HonestMailbox): string {
    const criteria = text.replace(/^(UID )?SEARCH /, '');
    const found = this.#view.flatMap(({ uid }, index) => {
      const message = mailbox.find(uid);
      if (message === undefined) return [];
      const isFound = isFoundBy(criteria, message, index + 1);
      return isFound ? [{ number: isUid ? uid : index + 1, modseq: message.modseq }] : [];
    });
    if (this.#server.lies('search-wrong')) found.pop();
    const numbers = found.map(({ number }) => ` ${number}`).join('');
    const highest = Math.max(0, ...found.map(({ modseq }) => modseq));
    const modseq = text.includes('MODSEQ') && highest > 0 ? ` (MODSEQ ${highest})` : '';
    this.#emit(`* SEARCH${numbers}${modseq}`);
    return 'OK SEARCH completed';
  }
}

const statusRules: Readonly<Record<string, Rule>> = {
  APPEND: 'status-append',
  COPY: 'status-copy',
  MOVE: 'status-copy',
  FETCH: 'status-fetch',
  SEARCH: 'status-search',
  STORE: 'status-store',
  SELECT: 'status-mailbox',
  EXAMINE: 'status-mailbox',
  CREATE: 'status-mailbox',
  DELETE: 'status-mailbox',
  RENAME: 'status-mailbox',
  STATUS: 'status-mailbox',
};

function words(list: string): string[] {
  return list.split(' ').filter((word) => word !== '');
}
