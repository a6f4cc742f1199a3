/** Counters of a mailbox, as STATUS tells them. */
export type Counters = Readonly<Record<string, number>>;

/** A message of the selected mailbox. */
export interface MirroredMessage {
  uid: number | undefined;
  flags: string | undefined;
}

const statusLine = /^\* STATUS (\S+) \((.*)\)$/;
const listLine = /^\* LIST \((.*?)\) "\/" (\S+)(?: \("OLDNAME" \((\S+)\)\))?$/;

/**
 * What a client knows that reads nothing but what NOTIFY tells it: counters of all mailboxes that are not selected, and the
 * messages of the one that is. Names are atoms.
 */
export class NotifyMirror {
  /** By name; a name without counters has been made since, and its counters have not been told. */
  readonly mailboxes = new Map<string, Counters>();
  readonly subscribed = new Set<string>();
  /** Mailboxes that the client has changed, or had selected, and of whose counters it has not been told since. */
  readonly #untold = new Set<string>();
  readonly messages: MirroredMessage[] = [];
  /** The selected mailbox; undefined if there is none. */
  selected: string | undefined;

  /** Takes one untagged response. */
  take(line: string): void {
    const status = statusLine.exec(line);
    if (status !== null) return this.#takeStatus(status[1]!, status[2]!);
    const list = listLine.exec(line);
    if (list !== null) return this.#takeName(list[1]!, list[2]!, list[3]);
    const [, number, name, rest = ''] =
      /^\* (\d+) (EXISTS|EXPUNGE|FETCH)(?: (.*))?$/s.exec(line) ?? [];
    if (name === 'EXISTS') {
      while (this.messages.length < Number(number)) {
        this.messages.push({ uid: undefined, flags: undefined });
      }
    } else if (name === 'EXPUNGE') this.messages.splice(Number(number) - 1, 1);
    else if (name === 'FETCH') this.#takeMessage(Number(number), rest);
    const vanished = /^\* VANISHED (\S+)$/.exec(line);
    if (vanished !== null) this.#takeVanished(vanished[1]!);
  }

  /** Another mailbox is selected, or none: of the last one the client knows the messages, and the counters when it is told. */
  select(name: string | undefined): void {
    if (this.selected !== undefined) this.noteUntold(this.selected);
    this.selected = name;
    this.messages.length = 0;
  }

  /** True if the counters of a mailbox are all known. */
  isTold(name: string): boolean {
    return name !== this.selected && !this.#untold.has(name);
  }

  /** The client has changed the mailbox itself, of which it is not told. */
  noteUntold(name: string): void {
    this.#untold.add(name);
  }

  #takeStatus(name: string, items: string): void {
    this.#untold.delete(name);
    const pairs = [...items.matchAll(/([A-Z]+) (\d+)/g)].map(([, key, value]) => [
      key,
      Number(value),
    ]);
    this.mailboxes.set(name, { ...this.mailboxes.get(name), ...Object.fromEntries(pairs) });
  }

  #takeName(attributes: string, name: string, oldName: string | undefined): void {
    if (/\\Subscribed/.test(attributes)) this.subscribed.add(name);
    else this.subscribed.delete(name);
    // Also of a level that only holds others.
    if (oldName !== undefined) this.#rename(oldName, name);
    if (/\\NonExistent/.test(attributes)) {
      this.mailboxes.delete(name);
      return;
    }
    if (!this.mailboxes.has(name)) this.mailboxes.set(name, {});
  }

  #rename(oldName: string, name: string): void {
    const renamed = (each: string) => name + each.slice(oldName.length);
    const isMoved = (each: string) => each === oldName || each.startsWith(`${oldName}/`);
    const moved = [...this.mailboxes].filter(([each]) => isMoved(each));
    for (const [each, counters] of moved) {
      this.mailboxes.delete(each);
      this.mailboxes.set(renamed(each), counters);
      if (this.#untold.delete(each)) this.#untold.add(renamed(each));
    }
    if (this.selected !== undefined && isMoved(this.selected)) {
      this.selected = renamed(this.selected);
    }
  }

  #takeMessage(number: number, items: string): void {
    const message = this.messages[number - 1];
    if (message === undefined) throw new Error(`No message ${number} is known`);
    const [, uid] = /\bUID (\d+)/.exec(items) ?? [];
    const [, flags] = /\bFLAGS \((.*?)\)/.exec(items) ?? [];
    if (uid !== undefined) message.uid = Number(uid);
    if (flags !== undefined) message.flags = sortFlags(flags);
  }

  #takeVanished(set: string): void {
    const gone = new Set<number>();
    for (const range of set.split(',')) {
      const [first = 0, last = first] = range.split(':').map(Number);
      for (let uid = first; uid <= last; uid++) gone.add(uid);
    }
    const left = this.messages.filter(({ uid }) => uid === undefined || !gone.has(uid));
    this.messages.splice(0, this.messages.length, ...left);
  }
}

/** Flags in order; without \Recent, of which each client has its own. */
export function sortFlags(flags: string): string {
  return flags
    .split(' ')
    .filter((flag) => flag !== '\\Recent')
    .toSorted()
    .join(' ');
}
