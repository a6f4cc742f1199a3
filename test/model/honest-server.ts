import { SeededRandom } from '../fixtures/seeded-random.ts';
import { HonestMailbox, type HonestMessage } from './honest-mailbox.ts';
import { HonestView, type HonestViewSettings } from './honest-view.ts';
import { changedFlags, inboxName } from './mailbox-model.ts';
import type { ModelClient } from './model-client.ts';
import { statusRules, type Rule } from './rules.ts';
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
export class HonestClient implements ModelClient, HonestViewSettings {
  isClosed = false;
  readonly #server: HonestServer;
  readonly #mailboxes: Map<string, HonestMailbox>;
  #queue: { tag: string; text: string }[] = [];
  #received: ServerResponse[] = [];
  #tagCount = 0;
  #idleTag: string | undefined;
  #selected: HonestView | undefined;
  hasCondstore = false;
  hasQresync = false;
  hasUidOnly = false;

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
    if (this.#selected?.mailbox.isDeleted === true && !server.lies('deleted-untold'))
      return this.#bye();
    if (server.lies('bye') && server.random.chance(0.1)) return this.#bye();
    if (server.lies('no-answer') && server.random.chance(0.1)) return;
    if (server.lies('malformed')) this.emit('* 1 WHAT');
    const answer = this.#carryOut(text, tag);
    if (answer === undefined) return;
    const usesNumbers = /^(STORE|FETCH|SEARCH|SORT) /.test(text);
    if (!usesNumbers || server.lies('expunge-forbidden')) this.tell(true);
    else if (!server.lies('held-back')) this.tell(false);
    if (server.lies('serverbug')) return this.emit(`${tag} NO [SERVERBUG] Internal error`);
    this.emit(`${tag} ${this.#lieAbout(text, answer)}`);
  }

  /** Tells what has changed in the selected mailbox; EXPUNGE only if it may be told. */
  tell(canExpunge: boolean): void {
    const view = this.#selected;
    if (view === undefined) return;
    if (!view.mailbox.isDeleted) view.tell(canExpunge);
    else if (this.isIdle && !this.lies('deleted-untold')) this.#bye();
  }

  lies(rule: Rule): boolean {
    return this.#server.lies(rule);
  }

  emit(line: string, literals: readonly string[] = []): void {
    if (line === '* 1 WHAT')
      this.#received.push({ kind: 'condition', status: 'MALFORMED', code: line });
    else this.#received.push(parseResponse(line, literals));
  }

  #bye(): void {
    this.emit('* BYE The selected mailbox has been deleted');
    this.drop();
  }

  #lieAbout(text: string, answer: string): string {
    const name = /^(?:UID )?([A-Z]+)/.exec(text)?.[1] ?? '';
    const rule = statusRules[name] ?? 'status-other';
    return answer.startsWith('OK') && this.lies(rule) ? 'NO [CANNOT] A lie' : answer;
  }

  /** The tagged answer without its tag; undefined if there is none yet. */
  #carryOut(text: string, tag: string): string | undefined {
    const [name = '', ...words] = text.replace(/^UID /, '').split(' ');
    const isUid = text.startsWith('UID ');
    switch (name) {
      case 'IDLE':
        this.#idleTag = tag;
        this.emit('+ idling');
        return undefined;
      case 'DONE':
        this.tell(true);
        this.emit(`${this.#idleTag} OK IDLE completed`);
        this.#idleTag = undefined;
        return undefined;
      case 'ENABLE':
        this.hasCondstore = /CONDSTORE|QRESYNC/.test(text);
        this.hasQresync = text.includes('QRESYNC');
        this.hasUidOnly = text.includes('UIDONLY');
        return 'OK ENABLE completed';
      case 'CREATE':
      case 'DELETE':
      case 'RENAME':
        return this.#carryOutNaming(name, words);
      case 'SELECT':
      case 'EXAMINE':
        return this.#select(text, words[0]!, name === 'EXAMINE');
      case 'STATUS':
        return this.#status(words[0]!);
      case 'APPEND':
        return this.#append(text);
      case 'NOOP':
      case 'CHECK':
        return 'OK done';
      default:
        if (this.#selected === undefined) return 'BAD Select a mailbox first';
        return this.#carryOutSelected(name, { text, tag, isUid }, this.#selected);
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
      if (this.#selected?.mailbox === mailbox) this.#selected = undefined;
    }
    this.#mailboxes.delete(first!);
    return `OK ${name} completed`;
  }

  #moveInbox(inbox: HonestMailbox, newName: string): string {
    const target = new HonestMailbox(this.#server.nextUidValidity());
    this.#mailboxes.set(newName, target);
    const moved = this.lies('inbox-rename') ? inbox.messages.slice(1) : inbox.messages;
    for (const { body, flags } of moved) target.add(body, flags);
    if (!this.lies('inbox-rename')) inbox.expunge(() => true);
    return 'OK RENAME completed';
  }

  #select(text: string, name: string, isReadOnly: boolean): string {
    if (this.#selected !== undefined) this.emit('* OK [CLOSED] Closed');
    const mailbox = this.#mailboxes.get(name);
    this.#selected = undefined;
    if (mailbox === undefined) return 'NO [NONEXISTENT] There is none';
    const view = new HonestView(mailbox, isReadOnly, this);
    this.#selected = view;
    view.know(mailbox.messages);
    const wrong = this.lies('opening-wrong') ? 1 : 0;
    const unseen = mailbox.messages.findIndex((message) => !message.has('\\Seen'));
    this.emit(`* ${view.entries.length} EXISTS`);
    if (unseen >= 0 && !this.hasUidOnly) this.emit(`* OK [UNSEEN ${unseen + 1 + wrong}] First`);
    this.emit(`* OK [UIDVALIDITY ${mailbox.uidValidity}] Valid`);
    this.emit(`* OK [UIDNEXT ${wrong === 0 ? mailbox.uidNext : 1}] Next`);
    this.emit(`* OK [HIGHESTMODSEQ ${this.#highest(mailbox)}] Highest`);
    const [, validity, since] = /QRESYNC \((\d+) (\d+)/.exec(text) ?? [];
    if (Number(validity) === mailbox.uidValidity) view.resynchronize(Number(since));
    return 'OK [READ-WRITE] SELECT completed';
  }

  #highest(mailbox: HonestMailbox): number {
    return this.lies('highestmodseq-back') ? 1 : mailbox.modseq;
  }

  #status(name: string): string {
    const mailbox = this.#mailboxes.get(name);
    if (mailbox === undefined) return 'NO [NONEXISTENT] There is none';
    const { messages, uidNext, uidValidity } = mailbox;
    const unseenCount = messages.filter((message) => !message.has('\\Seen')).length;
    const count = messages.length + (this.lies('counters-wrong') ? 1 : 0);
    const numbers = `MESSAGES ${count} UIDNEXT ${uidNext} UIDVALIDITY ${uidValidity}`;
    const highest = `HIGHESTMODSEQ ${this.#highest(mailbox)}`;
    this.emit(`* STATUS ${name} (${numbers} UNSEEN ${unseenCount} ${highest})`);
    return 'OK STATUS completed';
  }

  #append(text: string): string {
    const [, name, flags, body] = /^APPEND (\S+) \(([^)]*)\) \{\d+\+\}\r\n([^]*)$/.exec(text)!;
    const mailbox = this.#mailboxes.get(name!);
    if (mailbox === undefined) return 'NO [TRYCREATE] There is none';
    if (this.lies('uid-reused')) mailbox.forgetUids();
    const { uid } = mailbox.add(body!, flagsOf(flags!));
    if (this.lies('lost-message')) mailbox.expunge(({ uid: each }) => each === uid);
    if (this.lies('appenduid')) return 'OK APPEND completed';
    return `OK [APPENDUID ${mailbox.uidValidity} ${uid}] APPEND completed`;
  }

  #carryOutSelected(
    name: string,
    { text, tag, isUid }: { readonly text: string; readonly tag: string; readonly isUid: boolean },
    view: HonestView,
  ): string {
    switch (name) {
      case 'CLOSE':
      case 'UNSELECT':
        if (name === 'CLOSE' && !view.isReadOnly)
          view.mailbox.expunge((each) => each.has('\\Deleted'));
        this.#selected = undefined;
        return `OK ${name} completed`;
      case 'SEARCH':
      case 'SORT':
        view.searches.search(text, tag);
        return 'OK SEARCH completed';
      case 'CANCELUPDATE':
        view.searches.cancel(/"(.*)"/.exec(text)![1]!);
        return 'OK CANCELUPDATE completed';
      case 'EXPUNGE':
        return this.#expunge(text, isUid, view);
      default: {
        const [, set, rest] = /^(?:UID )?[A-Z]+ (\S+) ?(.*)$/.exec(text)!;
        const named = view.named(set!, isUid);
        if (named === undefined) return 'BAD No such message';
        const messages = named.flatMap((uid) => view.mailbox.find(uid) ?? []);
        if (name === 'FETCH') return this.#fetch(messages, rest!, isUid, view);
        if (view.isReadOnly && name !== 'COPY') return 'NO The mailbox is read-only';
        if (name === 'STORE') return this.#store(messages, rest!, isUid, view);
        return this.#copy(messages, rest!, name === 'MOVE', view);
      }
    }
  }

  #fetch(
    messages: readonly HonestMessage[],
    rest: string,
    isUid: boolean,
    view: HonestView,
  ): string {
    const since = Number(/CHANGEDSINCE (\d+)/.exec(rest)?.[1] ?? -1);
    const chosen = messages.filter(({ modseq }) => modseq > since);
    if (this.lies('fetch-missing')) chosen.pop();
    for (const message of chosen) {
      const setsSeen = rest.includes('BODY[]') && !view.isReadOnly && !message.has('\\Seen');
      if (setsSeen) view.mailbox.change([message], (flags) => [...flags, '\\Seen']);
      const other = this.lies('fetch-body') ? 'Subject: other' : message.body;
      const asksModseq = rest.includes('MODSEQ') || since >= 0;
      const hasModseq = setsSeen && this.hasCondstore && !this.lies('modseq-missing');
      const items = {
        hasUid: isUid || rest.includes('UID'),
        hasFlags: rest.includes('FLAGS') || setsSeen,
        ...(rest.includes('BODY') && { body: other }),
      };
      view.tellFlags(view.indexOf(message.uid), message, items, asksModseq || hasModseq);
    }
    return 'OK FETCH completed';
  }

  #store(
    messages: readonly HonestMessage[],
    rest: string,
    isUid: boolean,
    view: HonestView,
  ): string {
    const [, sign, silent, list] = /([-+]?)FLAGS(\.SILENT)? \(([^)]*)\)$/.exec(rest)!;
    const since = Number(/UNCHANGEDSINCE (\d+)/.exec(rest)?.[1] ?? Infinity);
    const passed = messages.filter(({ modseq }) => modseq <= since);
    const others = messages.filter(({ modseq }) => modseq > since);
    const named = flagsOf(list!);
    const before = new Map(passed.map(({ uid, modseq }) => [uid, modseq]));
    if (!this.lies('lost-change')) {
      const mode = ({ '+': 'add', '-': 'remove' } as const)[sign!] ?? 'replace';
      view.mailbox.change(passed, (flags) => flagsOf(changedFlags(flagText(flags), mode, named)));
    }
    for (const message of passed) {
      const index = view.indexOf(message.uid);
      const hasModseq = this.hasCondstore && !this.lies('modseq-missing');
      const told = view.entries[index]!;
      if (silent === undefined) {
        view.tellFlags(index, message, { hasUid: isUid, hasFlags: true }, hasModseq);
      } else {
        if (hasModseq) view.tellFlags(index, message, { hasUid: isUid }, true);
        // What others have changed meanwhile is still to be told.
        if (told.modseq !== before.get(message.uid)) continue;
        view.entries[index] = { uid: message.uid, modseq: message.modseq };
      }
    }
    if (others.length === 0 || this.lies('modified')) return 'OK STORE completed';
    const numbers = others.map(({ uid }) => (isUid ? uid : view.indexOf(uid) + 1));
    return `OK [MODIFIED ${numbers.join(',')}] Conditional STORE failed`;
  }

  #copy(
    messages: readonly HonestMessage[],
    target: string,
    isMove: boolean,
    view: HonestView,
  ): string {
    const destination = this.#mailboxes.get(target);
    if (destination === undefined) return 'NO [TRYCREATE] There is none';
    const copies = messages.map(({ body, flags }) => destination.add(body, flags).uid);
    const uids = messages.map(({ uid }) => uid);
    if (isMove) view.mailbox.expunge(({ uid }) => uids.includes(uid));
    if (uids.length === 0 || this.lies('copyuid')) return 'OK done';
    return `OK [COPYUID ${destination.uidValidity} ${uids.join(',')} ${copies.join(',')}] done`;
  }

  #expunge(text: string, isUid: boolean, view: HonestView): string {
    if (view.isReadOnly) return 'NO The mailbox is read-only';
    const named = isUid ? (view.named(text.split(' ')[2]!, true) ?? []) : undefined;
    view.mailbox.expunge(
      (message) => message.has('\\Deleted') && named?.includes(message.uid) !== false,
    );
    if (!this.lies('highestmodseq-early')) this.tell(true);
    else for (const told of view.entries) told.modseq = view.mailbox.find(told.uid)?.modseq ?? 0;
    return `OK [HIGHESTMODSEQ ${view.mailbox.modseq}] EXPUNGE completed`;
  }
}
