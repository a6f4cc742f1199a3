import { createHash } from 'node:crypto';
import type { Flag } from '../../protocol/flag.ts';
import type { MailboxKey, MailStore } from '../../store/mail-store.ts';
import type { DraftedMessage, MessageDraft } from '../../store/message-draft.ts';
import { readAll, readBytes, requireMailbox } from '../fixtures/mail-store-contract/store-steps.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';

/** One change that a script makes, which the store must not refuse. */
export type ScriptStep =
  | {
      readonly kind: 'append';
      readonly box: string;
      readonly message: string;
      readonly flags: Flag[];
    }
  | {
      readonly kind: 'append-several';
      readonly box: string;
      readonly messages: string[];
      readonly flags: Flag[];
      /** A message of the mailbox that goes in the same step. */
      readonly replaced?: number;
    }
  | {
      readonly kind: 'flags';
      readonly box: string;
      readonly uids: number[];
      readonly mode: 'add' | 'remove' | 'replace';
      readonly flags: Flag[];
    }
  | {
      readonly kind: 'copy' | 'move';
      readonly box: string;
      readonly uids: number[];
      readonly target: string;
    }
  | { readonly kind: 'expunge'; readonly box: string; readonly uids: number[] }
  | { readonly kind: 'create' | 'delete' | 'subscribe' | 'unsubscribe'; readonly box: string }
  | { readonly kind: 'rename'; readonly box: string; readonly newName: string };

interface ModelMessage {
  readonly message: string;
  readonly flags: ReadonlySet<Flag>;
}

interface ModelMailbox {
  uidNext: number;
  readonly messages: Map<number, ModelMessage>;
}

/** What an account has, and is subscribed to, when it is made. */
const firstNames = ['INBOX', 'Archive', 'Drafts', 'Junk', 'Sent', 'Trash'];
const ownNames = ['one', 'two', 'three', 'four'];
const someFlags: readonly Flag[] = ['\\Seen', '\\Flagged', '\\Deleted', '$Junk', 'later'];

/**
 * A sequence of random changes in the mailboxes of one account, the same for the same seed, and what the account must hold
 * after each of them. Whoever runs it performs a {@link next} step and then tells with {@link apply} that it was done.
 */
export class MailboxScript {
  readonly name: string;
  readonly #random: SeededRandom;
  readonly #mailboxes = new Map<string, ModelMailbox>();
  readonly #subscriptions = new Set<string>(firstNames);
  #messageCount = 0;

  constructor(name: string, seed: number) {
    this.name = name;
    this.#random = new SeededRandom(seed);
    for (const box of firstNames) this.#create(box);
  }

  next(): ScriptStep {
    const random = this.#random;
    const box = random.pick([...this.#mailboxes.keys()].filter(isUsed));
    const uids = [...this.#mailboxes.get(box)!.messages.keys()];
    const some = uids.filter(() => random.chance(1 / 2));
    const choice = random.below(13);
    if (choice === 0) return this.#nextOfMailboxes();
    if (choice === 12) return this.#nextAppendSeveral(box, some[0]);
    if (choice <= 5 || some.length === 0) return this.#nextAppend(box);
    if (choice <= 8) {
      const mode = random.pick(['add', 'remove', 'replace'] as const);
      return { kind: 'flags', box, uids: some, mode, flags: this.#someFlags() };
    }
    if (choice <= 9) return { kind: 'expunge', box, uids: some };
    const target = random.pick([...this.#mailboxes.keys()].filter(isUsed));
    if (target === box) return { kind: 'expunge', box, uids: some };
    return { kind: choice === 10 ? 'copy' : 'move', box, uids: some.slice(0, 10), target };
  }

  #nextAppend(box: string): ScriptStep {
    return { kind: 'append', box, message: this.#nextMessage(), flags: this.#someFlags() };
  }

  #nextAppendSeveral(box: string, replaced: number | undefined): ScriptStep {
    const count = 1 + this.#random.below(4);
    const messages = Array.from({ length: count }, () => this.#nextMessage());
    const step = { kind: 'append-several', box, messages, flags: this.#someFlags() } as const;
    return replaced === undefined ? step : { ...step, replaced };
  }

  #nextMessage(): string {
    const isUsual = !this.#random.chance(1 / 10);
    return isUsual ? `${this.name}.${this.#messageCount++}` : 'the same for all';
  }

  #nextOfMailboxes(): ScriptStep {
    const random = this.#random;
    const box = random.pick(ownNames);
    if (random.chance(1 / 4)) {
      return { kind: this.#subscriptions.has(box) ? 'unsubscribe' : 'subscribe', box };
    }
    if (!this.#mailboxes.has(box)) return { kind: 'create', box };
    const newName = ownNames.find((name) => !this.#mailboxes.has(name));
    if (newName === undefined || random.chance(1 / 2)) return { kind: 'delete', box };
    return { kind: 'rename', box, newName };
  }

  #someFlags(): Flag[] {
    return someFlags.filter(() => this.#random.chance(1 / 3));
  }

  #create(box: string): void {
    this.#mailboxes.set(box, { uidNext: 1, messages: new Map() });
  }

  /** The step was done: from now on the account holds what it does. */
  apply(step: ScriptStep): void {
    switch (step.kind) {
      case 'append':
        return this.#add(step.box, { message: step.message, flags: new Set(step.flags) });
      case 'append-several':
        if (step.replaced !== undefined) this.#remove(step.box, [step.replaced]);
        for (const message of step.messages) {
          this.#add(step.box, { message, flags: new Set(step.flags) });
        }
        return;
      case 'flags':
        return this.#applyFlags(step);
      case 'copy':
        return this.#applyCopy(step);
      case 'move':
        this.#applyCopy(step);
        return this.#remove(step.box, step.uids);
      case 'expunge':
        return this.#expunge(step.box, step.uids);
      case 'create':
        return this.#create(step.box);
      case 'delete':
        this.#mailboxes.delete(step.box);
        return;
      case 'rename':
        this.#mailboxes.set(step.newName, this.#mailboxes.get(step.box)!);
        this.#mailboxes.delete(step.box);
        return;
      case 'subscribe':
        this.#subscriptions.add(step.box);
        return;
      case 'unsubscribe':
        this.#subscriptions.delete(step.box);
    }
  }

  #add(box: string, message: ModelMessage): void {
    const mailbox = this.#mailboxes.get(box)!;
    mailbox.messages.set(mailbox.uidNext++, message);
  }

  #applyFlags({ box, uids, mode, flags }: Extract<ScriptStep, { readonly kind: 'flags' }>): void {
    const { messages } = this.#mailboxes.get(box)!;
    for (const uid of uids) {
      const { message, flags: before } = messages.get(uid)!;
      const after = new Set(mode === 'replace' ? [] : before);
      for (const flag of flags) {
        if (mode === 'remove') after.delete(flag);
        else after.add(flag);
      }
      messages.set(uid, { message, flags: after });
    }
  }

  #applyCopy({
    box,
    uids,
    target,
  }: {
    box: string;
    uids: readonly number[];
    target: string;
  }): void {
    const { messages } = this.#mailboxes.get(box)!;
    for (const uid of uids) this.#add(target, messages.get(uid)!);
  }

  /** Of the messages those that have \Deleted. */
  #expunge(box: string, uids: readonly number[]): void {
    const { messages } = this.#mailboxes.get(box)!;
    const isDeleted = (uid: number) => messages.get(uid)!.flags.has('\\Deleted');
    this.#remove(box, uids.filter(isDeleted));
  }

  #remove(box: string, uids: readonly number[]): void {
    const { messages } = this.#mailboxes.get(box)!;
    for (const uid of uids) messages.delete(uid);
  }

  /** What the account holds, one line for each mailbox and message; as {@link describeAccount} tells it. */
  describe(): string {
    const lines = [...this.#mailboxes]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([name, { uidNext, messages }]) => [
        mailboxLine(name, uidNext),
        ...[...messages].map(([uid, { message, flags }]) => messageLine(uid, flags, message)),
      ]);
    return [...lines, subscriptionsLine(this.#subscriptions)].join('\n');
  }
}

/** Drafts, Junk, Sent and Trash stay empty. */
function isUsed(name: string): boolean {
  return name === 'INBOX' || name === 'Archive' || ownNames.includes(name);
}

function mailboxLine(name: string, uidNext: number): string {
  return `${name}, next UID ${uidNext}`;
}

function messageLine(uid: number, flags: Iterable<Flag>, message: string): string {
  return `  ${uid} (${[...flags].toSorted().join(' ')}) ${message}`;
}

function subscriptionsLine(names: Iterable<string>): string {
  return `subscribed: ${[...names].toSorted().join(' ')}`;
}

/** What the account of the name holds in the store. */
export async function describeAccount(store: MailStore, name: string): Promise<string> {
  const account = await store.findAccount(name);
  if (account === undefined) return 'no account';
  const lines: string[] = [];
  const mailboxes = await store.listMailboxes(account.id);
  for (const box of mailboxes.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    lines.push(mailboxLine(box.name, (await store.readStatus(box)).uidNext));
    for (const { uid, flags, bodyId } of await readAll(store, box)) {
      lines.push(messageLine(uid, flags, nameOfMessage(await readBytes(store, bodyId))));
    }
  }
  return [...lines, subscriptionsLine(await store.listSubscriptions(account.id))].join('\n');
}

/** Does the step; rejects if the store refuses it. */
export async function perform(
  store: MailStore,
  accountId: number,
  step: ScriptStep,
): Promise<void> {
  switch (step.kind) {
    case 'append': {
      const draft = await draftMessage(store, step.message);
      const box = await requireMailbox(store, accountId, step.box);
      await draft.addTo(box, { flags: step.flags, internalDate: someDate });
      return;
    }
    case 'append-several':
      return appendSeveral(store, await requireMailbox(store, accountId, step.box), step);
    case 'create':
      await store.createMailbox(accountId, step.box);
      return;
    case 'delete':
      return store.deleteMailbox(accountId, step.box);
    case 'rename':
      return store.renameMailbox(accountId, step.box, step.newName);
    case 'subscribe':
      return store.subscribe(accountId, step.box);
    case 'unsubscribe':
      return store.unsubscribe(accountId, step.box);
    default:
      return performOnMessages(store, await requireMailbox(store, accountId, step.box), step);
  }
}

const someDate = { epochMs: 0, zoneMinutes: 0 };

async function draftMessage(store: MailStore, message: string): Promise<MessageDraft> {
  const draft = store.beginMessage();
  const bytes = bytesOfMessage(message);
  for (let start = 0; start < bytes.length; start += 30_000) {
    await draft.write(bytes.subarray(start, start + 30_000));
  }
  return draft;
}

/** Every other message waits on the disk for the others. */
async function appendSeveral(
  store: MailStore,
  box: MailboxKey,
  { messages, flags, replaced }: Extract<ScriptStep, { readonly kind: 'append-several' }>,
): Promise<void> {
  const drafted: DraftedMessage[] = [];
  for (const [index, message] of messages.entries()) {
    const draft = await draftMessage(store, message);
    drafted.push({ draft, flags, internalDate: someDate });
    await draft.seal(index % 2 === 0 ? 0 : Infinity);
  }
  await store.addMessages(
    box,
    drafted,
    replaced === undefined ? undefined : { box, uid: replaced },
  );
}

async function performOnMessages(
  store: MailStore,
  box: MailboxKey,
  step: Extract<ScriptStep, { readonly uids: number[] }>,
): Promise<void> {
  const uids = Uint32Array.from(step.uids);
  if (step.kind === 'flags') {
    await store.storeFlags(box, uids, { mode: step.mode, flags: step.flags });
  } else if (step.kind === 'expunge') {
    await store.expungeMessages(box, uids);
  } else {
    const target = await requireMailbox(store, box.accountId, step.target);
    await (step.kind === 'copy'
      ? store.copyMessages(box, uids, target)
      : store.moveMessages(box, uids, target));
  }
}

/** The bytes of the message of that name, the same in every process. One in ten is large enough to be staged. */
function bytesOfMessage(name: string): Buffer {
  const random = new SeededRandom(createHash('sha256').update(name).digest().readUInt32LE());
  const isLarge = random.chance(1 / 10);
  const sizeBytes = isLarge ? 270_000 + random.below(100_000) : random.below(6_000);
  return Buffer.concat([
    Buffer.from(`Subject: ${name}\r\n\r\n`),
    Buffer.alloc(sizeBytes, `${name} is a message of some length.\r\n`),
  ]);
}

/** The name of the message that has these bytes; "broken" if none has. */
function nameOfMessage(bytes: Buffer): string {
  const name = /^Subject: (.*)\r\n/.exec(bytes.toString('latin1', 0, 100))?.[1] ?? '';
  return bytes.equals(bytesOfMessage(name)) ? name : 'broken';
}
