import { flagsOf, flagText, type FlagText } from './server-responses.ts';

/** The mailbox that always exists. */
export const inboxName = 'INBOX';

/** Undoes changes of the model, so that the orders of a race can be tried one after the other. */
export class Journal {
  #undos: (() => void)[] = [];

  /** Keeps how to undo a change that was just made. */
  add(undo: () => void): void {
    this.#undos.push(undo);
  }

  /** A point to which {@link rollBack} can return. */
  mark(): number {
    return this.#undos.length;
  }

  rollBack(mark: number): void {
    while (this.#undos.length > mark) this.#undos.pop()!();
  }

  /** The changes stay. */
  commit(): void {
    this.#undos = [];
  }
}

/** The flags of a message between two changes of it. */
export interface MessageState {
  readonly flags: FlagText;
  /** Undefined until the server has told it. */
  modseq: number | undefined;
  /** The highest modseq that was known of the mailbox before the change; that of the state is larger. */
  readonly after: number;
}

/** A message with all the states it has had; the last one is the present one. */
export class ModelMessage {
  readonly uid: number;
  /** What the message says; a copy says the same. */
  readonly body: string;
  readonly states: MessageState[];
  isExpunged = false;
  /** The selection that has it as \Recent, if there is one that can change the mailbox. */
  recentOwner: number | undefined;

  /** What a message can have been during races, and the index of the state after each. */
  readonly #between: { readonly end: number; readonly flags: ReadonlySet<FlagText> }[] = [];

  constructor(uid: number, body: string, state: MessageState) {
    this.uid = uid;
    this.body = body;
    this.states = [state];
  }

  get state(): MessageState {
    return this.states.at(-1)!;
  }

  get flags(): FlagText {
    return this.state.flags;
  }

  hasFlag(flag: string): boolean {
    return flagsOf(this.flags).includes(flag);
  }

  /**
   * The indexes from `from` on of the states that a client can have been told so; empty if there is none. An
   * unknown modseq fits if it lies between those of the states around it.
   */
  findStates(from: number, told: { flags?: FlagText; modseq?: number }): number[] {
    const found: number[] = [];
    for (let index = from; index < this.states.length; index++) {
      const isSame = told.flags === undefined || told.flags === this.states[index]!.flags;
      if (isSame && (told.modseq === undefined || this.#canHave(index, told.modseq))) {
        found.push(index);
      }
    }
    return found;
  }

  /** Whether there is such a state. */
  hasState(from: number, told: { flags?: FlagText; modseq?: number }): boolean {
    return this.findStates(from, told).length > 0;
  }

  /** A race has left the present state; before it the message can have had each of these flags. */
  keepBetween(flags: ReadonlySet<FlagText>): void {
    this.#between.push({ end: this.states.length - 1, flags });
  }

  /** Whether a client that knows the state `from` can have been told of one in the middle of a race. */
  wasBetween(from: number, flags: FlagText, modseq: number | undefined): boolean {
    return this.#between.some(
      (race) =>
        race.end > from &&
        race.flags.has(flags) &&
        (modseq === undefined || modseq <= (this.states[race.end]?.modseq ?? Infinity)),
    );
  }

  #canHave(index: number, modseq: number): boolean {
    const state = this.states[index]!;
    if (state.modseq !== undefined) return state.modseq === modseq;
    if (modseq <= state.after) return false;
    const isAfter = this.states.slice(0, index).every((each) => (each.modseq ?? 0) < modseq);
    const isBefore = this.states
      .slice(index + 1)
      .every((each) => (each.modseq ?? Infinity) > modseq);
    return isAfter && isBefore;
  }
}

/** A mailbox as its commands have left it. */
export class ModelMailbox {
  name: string;
  isDeleted = false;
  /** Undefined until the server has told it. */
  uidValidity: number | undefined;
  /** The smallest UID that the next message may have. */
  uidNext = 1;
  /** The highest modseq that the server has told of the mailbox to anybody. */
  highestModseq = 0;
  /** By UID, ascending, also those that are gone. */
  readonly messages = new Map<number, ModelMessage>();
  readonly #journal: Journal;

  constructor(name: string, journal: Journal) {
    this.name = name;
    this.#journal = journal;
  }

  /** The messages that exist, ascending by UID. */
  get alive(): ModelMessage[] {
    return [...this.messages.values()].filter(({ isExpunged }) => !isExpunged);
  }

  add(uid: number, body: string, flags: FlagText): ModelMessage {
    const { uidNext } = this;
    const message = new ModelMessage(uid, body, this.#newState(flags));
    this.messages.set(uid, message);
    this.uidNext = Math.max(uidNext, uid + 1);
    this.#journal.add(() => {
      this.messages.delete(uid);
      this.uidNext = uidNext;
    });
    return message;
  }

  /** Puts the messages into the order of their UIDs, after some were added late. */
  sort(): void {
    const sorted = [...this.messages].toSorted(([a], [b]) => a - b);
    this.messages.clear();
    for (const [uid, message] of sorted) this.messages.set(uid, message);
  }

  expunge(message: ModelMessage): void {
    message.isExpunged = true;
    this.#journal.add(() => {
      message.isExpunged = false;
    });
  }

  /** Gives a message other flags. The same flags are no change and make no state. */
  setFlags(message: ModelMessage, flags: FlagText): boolean {
    if (message.flags === flags) return false;
    message.states.push(this.#newState(flags));
    this.#journal.add(() => message.states.pop());
    return true;
  }

  learnModseq(state: MessageState, modseq: number): void {
    if (state.modseq !== undefined) return;
    state.modseq = modseq;
    this.#journal.add(() => {
      state.modseq = undefined;
    });
  }

  /** The server has told that the mailbox has reached this modseq. */
  learnHighest(modseq: number): void {
    const { highestModseq } = this;
    if (modseq <= highestModseq) return;
    this.highestModseq = modseq;
    this.#journal.add(() => {
      this.highestModseq = highestModseq;
    });
  }

  #newState(flags: FlagText): MessageState {
    return { flags, modseq: undefined, after: this.highestModseq };
  }
}

/** The mailboxes of one account. */
export class ModelAccount {
  readonly journal: Journal;
  readonly #mailboxes = new Map<string, ModelMailbox>();
  /** Which mailbox a name with a UIDVALIDITY stands for, for ever. */
  readonly #validities = new Map<string, ModelMailbox>();

  constructor(journal: Journal) {
    this.journal = journal;
  }

  get mailboxes(): ModelMailbox[] {
    return [...this.#mailboxes.values()];
  }

  find(name: string): ModelMailbox | undefined {
    return this.#mailboxes.get(name);
  }

  create(name: string): ModelMailbox {
    const mailbox = new ModelMailbox(name, this.journal);
    this.#put(name, mailbox);
    return mailbox;
  }

  delete(mailbox: ModelMailbox): void {
    this.#put(mailbox.name, undefined);
    mailbox.isDeleted = true;
    this.journal.add(() => {
      mailbox.isDeleted = false;
    });
  }

  rename(mailbox: ModelMailbox, name: string): void {
    const before = mailbox.name;
    this.#put(before, undefined);
    this.#put(name, mailbox);
    mailbox.name = name;
    this.journal.add(() => {
      mailbox.name = before;
    });
  }

  /** False if the name with this UIDVALIDITY stands for another mailbox, or the mailbox has another one. */
  learnValidity(mailbox: ModelMailbox, uidValidity: number): boolean {
    const key = `${uidValidity} ${mailbox.name}`;
    const known = this.#validities.get(key);
    if (known !== undefined && known !== mailbox) return false;
    const before = mailbox.uidValidity;
    this.#validities.set(key, mailbox);
    mailbox.uidValidity ??= uidValidity;
    this.journal.add(() => {
      if (known === undefined) this.#validities.delete(key);
      mailbox.uidValidity = before;
    });
    return mailbox.uidValidity === uidValidity;
  }

  #put(name: string, mailbox: ModelMailbox | undefined): void {
    const before = this.#mailboxes.get(name);
    if (mailbox === undefined) this.#mailboxes.delete(name);
    else this.#mailboxes.set(name, mailbox);
    this.journal.add(() => {
      if (before === undefined) this.#mailboxes.delete(name);
      else this.#mailboxes.set(name, before);
    });
  }
}

/** Flags after a STORE. */
export function changedFlags(
  flags: FlagText,
  mode: 'replace' | 'add' | 'remove',
  named: readonly string[],
): FlagText {
  if (mode === 'replace') return flagText(named);
  const words = flagsOf(flagText(named));
  if (mode === 'add') return flagText([...flagsOf(flags), ...words]);
  return flagText(flagsOf(flags).filter((flag) => !words.includes(flag)));
}
