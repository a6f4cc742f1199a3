import { flagText } from './server-responses.ts';

/** A message of {@link HonestMailbox}. */
export class HonestMessage {
  readonly uid: number;
  readonly body: string;
  flags: readonly string[];
  modseq: number;
  /** True until a session that can change the mailbox was told of it. */
  isNew = true;

  constructor(uid: number, body: string, flags: readonly string[], modseq: number) {
    this.uid = uid;
    this.body = body;
    this.flags = flags;
    this.modseq = modseq;
  }

  /** The flags in a form that can be compared. */
  get text(): string {
    return flagText(this.flags);
  }

  has(flag: string): boolean {
    return this.flags.some((each) => each.toLowerCase() === flag.toLowerCase());
  }
}

/** A mailbox of the honest server. */
export class HonestMailbox {
  readonly uidValidity: number;
  uidNext = 1;
  modseq = 1;
  messages: HonestMessage[] = [];
  readonly expunged: { readonly uid: number; readonly modseq: number }[] = [];
  isDeleted = false;

  constructor(uidValidity: number) {
    this.uidValidity = uidValidity;
  }

  find(uid: number): HonestMessage | undefined {
    return this.messages.find((message) => message.uid === uid);
  }

  add(body: string, flags: readonly string[]): HonestMessage {
    const message = new HonestMessage(this.uidNext++, body, [...flags], ++this.modseq);
    this.messages.push(message);
    return message;
  }

  /** Changes flags under one modseq; messages whose flags stay as they are keep theirs. */
  change(
    messages: readonly HonestMessage[],
    changed: (flags: readonly string[]) => readonly string[],
  ): void {
    const modseq = this.modseq + 1;
    for (const message of messages) {
      const before = message.text;
      message.flags = changed(message.flags);
      if (message.text === before) continue;
      message.modseq = modseq;
      this.modseq = modseq;
    }
  }

  expunge(isGone: (message: HonestMessage) => boolean): void {
    const kept = this.messages.filter((message) => !isGone(message));
    if (kept.length < this.messages.length) this.modseq += 1;
    for (const { uid } of this.messages.filter(isGone)) {
      this.expunged.push({ uid, modseq: this.modseq });
    }
    this.messages = kept;
  }

  /** The fault of giving UIDs again that messages had that are gone. */
  forgetUids(): void {
    this.uidNext = (this.messages.at(-1)?.uid ?? 0) + 1;
  }
}

/** Whether SEARCH finds a message by these criteria, which have UIDs and no message sequence numbers. */
export function isFoundBy(criteria: string, message: HonestMessage): boolean {
  const tokens: string[] = criteria.match(/[()]|[^\s()]+/g) ?? [];
  let isFound = true;
  while (tokens.length > 0) isFound = takeKey(tokens, message) && isFound;
  return isFound;
}

/** Takes one search key off the tokens. */
function takeKey(tokens: string[], message: HonestMessage): boolean {
  const key = tokens.shift()!;
  const next = (): boolean => takeKey(tokens, message);
  if (key === '(') {
    let isMatch = true;
    while (tokens[0] !== ')') isMatch = next() && isMatch;
    tokens.shift();
    return isMatch;
  }
  if (key === 'ALL') return true;
  if (key === 'NOT') return !next();
  if (key === 'OR') {
    const isLeft = next();
    return next() || isLeft;
  }
  if (key === 'MODSEQ') return message.modseq >= Number(tokens.shift());
  if (key === 'KEYWORD') return message.has(tokens.shift()!);
  if (key === 'UNKEYWORD') return !message.has(tokens.shift()!);
  if (key === 'UID') return tokens.shift()!.split(',').includes(`${message.uid}`);
  return key.startsWith('UN') ? !message.has(`\\${key.slice(2)}`) : message.has(`\\${key}`);
}
