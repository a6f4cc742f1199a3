import type { AccountEvent, MetadataChange } from '../../store/mail-store.ts';
import { maxUntoldMetadata } from './limits.ts';
import type { MetadataBudget, MetadataListener } from './metadata-budget.ts';
import type { Responses } from './responses.ts';

/** Entries that one response names, so that its line stays short. */
const entriesPerResponse = 20;

/** Whose metadata is watched, and for whom. */
export interface MetadataNewsOptions {
  readonly accountId: number;
  /** Of all clients of the account. */
  readonly budget: MetadataBudget;
  /** The author of the client's own changes, which it knows. */
  readonly author: string;
  /** True: only what is the account's is told, not what its mailboxes have. */
  readonly isServerOnly: boolean;
  /** Called when more waits to be told than may, for this client or in the account; nothing is told any more. */
  readonly onOverflow: () => void;
}

/** Names of entries that have changed and that the client has not been told of. */
interface Untold {
  mailboxName: string;
  readonly entries: Set<string>;
}

/** Tells which entries have changed, without their values. @see RFC 5464, section 4.4.2 */
export function writeChangedEntries(
  out: Responses,
  mailboxName: string,
  names: readonly string[],
): void {
  for (let first = 0; first < names.length; first += entriesPerResponse) {
    out.begin().atom('METADATA').mailbox(mailboxName);
    for (const name of names.slice(first, first + entriesPerResponse)) out.astring(name);
    out.end();
  }
}

/**
 * Which entries of metadata others have changed since a client was told: their names, since it asks for the values itself.
 *
 * @see RFC 5464, section 4.4.2
 */
export class MetadataNews implements MetadataListener {
  /** Called after each change that there is to tell. */
  onNews: (() => void) | undefined;
  readonly #options: MetadataNewsOptions;
  /** By mailbox; undefined: the account's own. */
  readonly #untold = new Map<number | undefined, Untold>();
  #count = 0;
  #isOver = false;

  constructor(options: MetadataNewsOptions) {
    this.#options = options;
  }

  get accountId(): number {
    return this.#options.accountId;
  }

  get untoldCount(): number {
    return this.#count;
  }

  /** True if there is something to tell. */
  get hasNews(): boolean {
    return this.#untold.size > 0;
  }

  /** Takes in what happens in the account. */
  readonly take = (event: AccountEvent): void => {
    if (this.#isOver) return;
    if (event.kind === 'metadata') this.#add(event);
    else if (event.kind === 'deleted') this.#drop(event.mailboxId);
    else if (event.kind === 'renamed') {
      const untold = this.#untold.get(event.mailboxId);
      if (untold !== undefined) untold.mailboxName = event.name;
    }
  };

  /** Tells the client, which then knows all. */
  tell(out: Responses): void {
    for (const { mailboxName, entries } of this.#untold.values()) {
      writeChangedEntries(out, mailboxName, [...entries]);
    }
    this.#clear();
  }

  /** Nothing is told any more. */
  close(): void {
    this.#isOver = true;
    this.onNews = undefined;
    this.#clear();
  }

  endOverflowing(): void {
    this.close();
    this.#options.onOverflow();
  }

  #add({ mailbox, entries, author }: MetadataChange): void {
    const { author: own, isServerOnly } = this.#options;
    if (author === own || (isServerOnly && mailbox !== undefined)) return;
    const id = mailbox?.mailboxId;
    const untold = this.#untold.get(id) ?? { mailboxName: mailbox?.name ?? '', entries: new Set() };
    const before = untold.entries.size;
    for (const name of entries) untold.entries.add(name);
    this.#untold.set(id, untold);
    this.#changeCount(untold.entries.size - before);
    if (this.#count > maxUntoldMetadata) this.endOverflowing();
    else if (!this.#isOver) this.onNews?.();
  }

  #drop(mailboxId: number): void {
    this.#changeCount(-(this.#untold.get(mailboxId)?.entries.size ?? 0));
    this.#untold.delete(mailboxId);
  }

  #clear(): void {
    this.#untold.clear();
    this.#changeCount(-this.#count);
  }

  #changeCount(change: number): void {
    this.#count += change;
    this.#options.budget.count(this, change);
  }
}
