import type { Action, DoneCommand } from './client-command.ts';
import type { MirrorEntry } from './client-mirror.ts';
import {
  changedFlags,
  inboxName,
  type MessageState,
  type ModelAccount,
  type ModelMailbox,
  type ModelMessage,
} from './mailbox-model.ts';
import type { Problem, Rule } from './rules.ts';
import type { Observations } from './step-check.ts';
import { flagText, numbersOf } from './server-responses.ts';

/** A message whose flags a command of the client itself has set. */
export interface OwnChange {
  readonly entry: MirrorEntry;
  readonly message: ModelMessage;
  /** Index of the state that the command left. */
  readonly stateIndex: number;
  /** False if the flags were so already. */
  readonly isChange: boolean;
}

/** What came of putting a command into the model. */
export interface Effect {
  readonly problems: readonly Problem[];
  readonly ownChanges: readonly OwnChange[];
}

/** The truth that commands change. */
export interface EffectContext {
  readonly account: ModelAccount;
  readonly isIgnored: (rule: Rule) => boolean;
  /** What fresh clients find after the step; undefined if nobody has looked. */
  readonly observations: Observations | undefined;
  /** Takes mailboxes in which messages may have come of which no answer tells. */
  readonly uncertain: Set<ModelMailbox>;
}

/**
 * Does to the model what a command did, as far as its answer allows: UIDs come from the answer, all else
 * must be as the model has it. Changes go into the journal of the account.
 */
export function applyCommand(done: DoneCommand, context: EffectContext): Effect {
  const run = new CommandEffect(done, context);
  run.apply();
  return run;
}

class CommandEffect implements Effect {
  readonly problems: Problem[] = [];
  readonly ownChanges: OwnChange[] = [];
  readonly #done: DoneCommand;
  readonly #context: EffectContext;

  constructor(done: DoneCommand, context: EffectContext) {
    this.#done = done;
    this.#context = context;
  }

  apply(): void {
    const { action } = this.#done.sent;
    switch (action.kind) {
      case 'store':
        if (this.#expect('status-store', this.#writableStatus())) this.#store(action);
        return;
      case 'fetch':
        if (this.#expect('status-fetch', this.#numbersStatus())) this.#markSeen(action);
        return;
      case 'search':
        this.#expect('status-search', ['OK']);
        return;
      case 'append':
        this.#append(action);
        return;
      case 'copy':
      case 'move':
        this.#copy(action);
        return;
      case 'expunge':
        if (this.#expect('status-other', this.#isReadOnly ? ['NO'] : ['OK'])) {
          this.#expunge(action.named);
        }
        return;
      case 'close':
        if (this.#expect('status-other', ['OK']) && !this.#isReadOnly) this.#expunge(undefined);
        return;
      case 'select':
      case 'create':
      case 'delete':
      case 'rename':
      case 'status':
        this.#applyNamed(action);
        return;
      default:
        this.#expect('status-other', ['OK']);
    }
  }

  get #mailbox(): ModelMailbox | undefined {
    return this.#done.sent.mirror?.mailbox;
  }

  get #isReadOnly(): boolean {
    return this.#done.sent.mirror?.isReadOnly === true;
  }

  #fail(rule: Rule, detail: string): void {
    const { sent, outcome } = this.#done;
    const text = sent.text.split('\r\n', 1)[0];
    const answer = `${outcome.status} [${outcome.code}]`;
    this.problems.push({ rule, detail: `${text}: ${detail}; answer ${answer}` });
  }

  #numbersStatus(): readonly string[] {
    return this.#done.sent.isBeyond ? ['BAD'] : ['OK'];
  }

  #writableStatus(): readonly string[] {
    if (!this.#isReadOnly) return this.#numbersStatus();
    return this.#done.sent.isBeyond ? ['NO', 'BAD'] : ['NO'];
  }

  /** True if the command was done. A mailbox that was deleted, or an ended connection, excuses any answer. */
  #expect(rule: Rule, expected: readonly string[]): boolean {
    const { status, code } = this.#done.outcome;
    if (status === 'none' || this.#mailbox?.isDeleted === true) return status === 'OK';
    if (expected.includes(status)) return status === 'OK';
    this.#fail(rule, `expected ${expected.join(' or ')}`);
    // A known fault: the command was done for the messages that exist.
    return this.#context.isIgnored(rule) && code === 'EXPUNGEISSUED';
  }

  /** Messages of entries that exist. */
  #alive(
    named: readonly MirrorEntry[],
  ): { readonly entry: MirrorEntry; readonly message: ModelMessage }[] {
    return named.flatMap((entry) => {
      const message = entry.uid === undefined ? undefined : this.#mailbox?.messages.get(entry.uid);
      return message === undefined || message.isExpunged ? [] : [{ entry, message }];
    });
  }

  #change(entry: MirrorEntry, message: ModelMessage, flags: string): void {
    const isChange = this.#mailbox!.setFlags(message, flags);
    this.ownChanges.push({ entry, message, stateIndex: message.states.length - 1, isChange });
  }

  #store(action: Extract<Action, { kind: 'store' }>): void {
    const modified = this.#modifiedUids(action.isUid);
    const isOk = this.#done.outcome.status === 'OK';
    const { unchangedSince } = action;
    for (const { entry, message } of this.#alive(action.named)) {
      const isNewer = unchangedSince !== undefined && isChangedAfter(message.state, unchangedSince);
      // NO, if that is ignored, has no room for MODIFIED.
      const isModified = isOk ? modified.has(message.uid) : isNewer === true;
      if (isNewer !== undefined && isNewer !== isModified) {
        this.#fail('modified', `UID ${message.uid} is ${isModified ? '' : 'not '}in MODIFIED`);
      }
      if (isModified) continue;
      this.#change(entry, message, changedFlags(message.flags, action.mode, action.flags));
    }
  }

  #modifiedUids(isUid: boolean): ReadonlySet<number> {
    const { sent, outcome } = this.#done;
    const set = /^MODIFIED (\S+)$/.exec(outcome.code)?.[1];
    if (set === undefined) return new Set();
    const numbers = numbersOf(set);
    return new Set(isUid ? numbers : numbers.map((number) => sent.view[number - 1]?.uid ?? -1));
  }

  #markSeen({ named, setsSeen }: Extract<Action, { kind: 'fetch' }>): void {
    if (!setsSeen || this.#isReadOnly) return;
    for (const { entry, message } of this.#alive(named)) {
      const flags = changedFlags(message.flags, 'add', ['\\Seen']);
      // A FETCH that had nothing to set may have read the message earlier.
      if (flags !== message.flags) this.#change(entry, message, flags);
    }
  }

  #append({ target, flags, body }: Extract<Action, { kind: 'append' }>): void {
    const mailbox = this.#context.account.find(target);
    const isDone = this.#expect('status-append', mailbox === undefined ? ['NO'] : ['OK']);
    if (mailbox === undefined) return;
    if (!isDone) {
      if (this.#done.outcome.status === 'none') this.#context.uncertain.add(mailbox);
      return;
    }
    const code = /^APPENDUID (\d+) (\d+)$/.exec(this.#done.outcome.code);
    if (code === null) {
      this.#fail('appenduid', 'no APPENDUID');
      this.#context.uncertain.add(mailbox);
      return;
    }
    this.#checkTarget('appenduid', mailbox, Number(code[1]), [Number(code[2])]);
    mailbox.add(Number(code[2]), body, flagText(flags));
  }

  #copy(action: Extract<Action, { kind: 'copy' | 'move' }>): void {
    const { kind, named, target } = action;
    const mailbox = this.#context.account.find(target);
    const expected = new Set(mailbox === undefined ? ['NO'] : []);
    if (this.#done.sent.isBeyond) expected.add('BAD');
    if (kind === 'move' && this.#isReadOnly) expected.add('NO');
    if (expected.size === 0) expected.add('OK');
    const isDone = this.#expect('status-copy', [...expected]);
    if (mailbox === undefined) return;
    if (!isDone || this.#done.outcome.status !== 'OK') {
      if (isDone || this.#done.outcome.status === 'none') this.#context.uncertain.add(mailbox);
      return;
    }
    const existing = this.#alive(named).map(({ message }) => message);
    if (this.#mailbox?.isDeleted === true) return;
    this.#addCopies(mailbox, existing);
    if (kind === 'move') for (const message of existing) this.#mailbox!.expunge(message);
  }

  #addCopies(mailbox: ModelMailbox, originals: readonly ModelMessage[]): void {
    const { outcome } = this.#done;
    const codes = [outcome.code, ...outcome.conditions];
    const code = codes.map((each) => /^COPYUID (\d+) (\S+) (\S+)$/.exec(each)).find(Boolean);
    if (code === null || code === undefined) {
      if (originals.length > 0) this.#fail('copyuid', `no COPYUID of ${originals.length} messages`);
      return;
    }
    const sourceUids = numbersOf(code[2]!);
    const targetUids = numbersOf(code[3]!);
    const expected = originals.map(({ uid }) => uid).join(',');
    if (sourceUids.join(',') !== expected || sourceUids.length !== targetUids.length) {
      this.#fail('copyuid', `COPYUID ${code[2]} ${code[3]}, but there were "${expected}"`);
      return;
    }
    this.#checkTarget('copyuid', mailbox, Number(code[1]), targetUids);
    for (const [index, { body, flags }] of originals.entries()) {
      mailbox.add(targetUids[index]!, body, flags);
    }
  }

  #checkTarget(
    rule: 'appenduid' | 'copyuid',
    mailbox: ModelMailbox,
    uidValidity: number,
    uids: readonly number[],
  ): void {
    if (!this.#context.account.learnValidity(mailbox, uidValidity)) {
      this.#fail(rule, `UIDVALIDITY ${uidValidity}, known ${mailbox.uidValidity}`);
    }
    let next = mailbox.uidNext;
    for (const uid of uids) {
      if (uid < next) this.#fail('uid-reused', `UID ${uid}, the next one is ${next}`);
      next = uid + 1;
    }
  }

  #expunge(named: readonly MirrorEntry[] | undefined): void {
    const mailbox = this.#mailbox;
    if (mailbox === undefined || mailbox.isDeleted) return;
    const uids = named && new Set(named.map(({ uid }) => uid));
    for (const message of mailbox.alive) {
      const isNamed = uids === undefined || uids.has(message.uid);
      if (isNamed && message.hasFlag('\\deleted')) mailbox.expunge(message);
    }
  }

  #applyNamed(
    action: Extract<Action, { kind: 'select' | 'create' | 'delete' | 'rename' | 'status' }>,
  ): void {
    const { account } = this.#context;
    const mailbox = account.find(action.name);
    const isTaken = action.kind === 'rename' && account.find(action.newName) !== undefined;
    const isInbox = action.name === inboxName;
    const canBe = action.kind !== 'delete' || !isInbox;
    const isAllowed = (action.kind === 'create') === (mailbox === undefined) && !isTaken && canBe;
    if (!this.#expect('status-mailbox', isAllowed ? ['OK'] : ['NO'])) return;
    if (action.kind === 'create') {
      if (mailbox === undefined) account.create(action.name);
    } else if (mailbox !== undefined) {
      if (action.kind === 'select') this.#select(action, mailbox);
      else if (action.kind === 'delete') account.delete(mailbox);
      else if (action.kind === 'rename' && isInbox) this.#moveInbox(mailbox, action.newName);
      else if (action.kind === 'rename') account.rename(mailbox, action.newName);
    }
  }

  /**
   * INBOX stays, and its messages move to a new mailbox. Their UIDs there are those that are found, from the first on:
   * whatever else comes to the new mailbox in the same step comes behind them.
   */
  #moveInbox(inbox: ModelMailbox, newName: string): void {
    const { account, observations } = this.#context;
    const moved = inbox.alive;
    const found = [...(observations?.get(newName)?.messages ?? [])].toSorted(([a], [b]) => a - b);
    const left = observations?.get(inboxName)?.messages;
    const target = account.create(newName);
    for (const [index, { uid, body, flags }] of moved.entries()) {
      const [newUid = target.uidNext, copy] = found[index] ?? [];
      if (copy?.flags !== flags) {
        this.#fail('inbox-rename', `UID ${uid} (${flags}) came as UID ${newUid} (${copy?.flags})`);
      }
      if (left?.has(uid) !== false) this.#fail('inbox-rename', `UID ${uid} is still in INBOX`);
      target.add(newUid, body, flags);
    }
    for (const message of moved) inbox.expunge(message);
  }

  #select({ next }: Extract<Action, { kind: 'select' }>, mailbox: ModelMailbox): void {
    next.mailbox = mailbox;
    this.#context.account.journal.add(() => {
      next.mailbox = undefined;
    });
  }
}

/** Whether a message was changed after a modseq; undefined if it is not known. */
function isChangedAfter(state: MessageState, modseq: number): boolean | undefined {
  if (state.modseq !== undefined) return state.modseq > modseq;
  return state.after >= modseq ? true : undefined;
}
