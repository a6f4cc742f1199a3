/** What happened to a mailbox since somebody watches its account; each a version of the account, 0 if it did not happen. */
export interface ChangedMailbox {
  readonly mailboxId: number;
  /** When messages last came or went. */
  readonly messages: number;
  /** When flags last changed otherwise, or what the name of the mailbox stands for. */
  readonly flags: number;
  /** When the number of messages without \Seen, or what the name stands for, was last found to be another. */
  readonly unseen: number;
}

/** Room for so many mailboxes more than there are, as a part of those, so that the columns are not often made anew. */
const spareShare = 1 / 8;
const leastSpare = 16;
const unknownCount = 0xffff_ffff;

/**
 * When the mailboxes of an account last changed, in 36 bytes each. Whoever has been told all up to a version of the account finds
 * here what it has missed since: nothing is kept for each of them, however long it does not read.
 */
export class ChangedMailboxes {
  #count = 0;
  #ids = new Float64Array(0);
  #messages = new Uint32Array(0);
  #flags = new Uint32Array(0);
  #unseen = new Uint32Array(0);
  /** The version before the last. */
  #before = new Uint32Array(0);
  /** Of the last change of messages or flags. */
  #modseqs = new Float64Array(0);
  #unseenCounts = new Uint32Array(0);

  /** Bytes of the columns. */
  get sizeBytes(): number {
    return this.#ids.length * 36;
  }

  get count(): number {
    return this.#count;
  }

  /** Messages came or went, or got other flags. */
  noteChange(
    mailboxId: number,
    version: number,
    { modseq, isFlagsOnly }: { readonly modseq: number; readonly isFlagsOnly: boolean },
  ): void {
    const place = this.#placeOf(mailboxId);
    this.#before[place] = this.#latest(place);
    (isFlagsOnly ? this.#flags : this.#messages)[place] = version;
    this.#modseqs[place] = modseq;
  }

  /** The mailbox is new, or has another name. */
  noteName(mailboxId: number, version: number): void {
    const place = this.#placeOf(mailboxId);
    this.#before[place] = this.#latest(place);
    this.#flags[place] = version;
    this.#unseen[place] = version;
  }

  /** The mailbox is gone. */
  remove(mailboxId: number): void {
    const place = this.#find(mailboxId);
    if (place === undefined) return;
    for (const column of this.#columns) column.copyWithin(place, place + 1, this.#count);
    this.#count -= 1;
  }

  /** What was read of the mailbox, if it has changed. */
  noteRead(
    mailboxId: number,
    {
      unseenCount,
      highestModseq,
    }: { readonly unseenCount: number; readonly highestModseq: number },
  ): void {
    const place = this.#find(mailboxId);
    if (place === undefined || this.#unseenCounts[place] === unseenCount) return;
    this.#unseen[place] = this.#latest(place);
    // What is ahead of the events is told now, and must be found another one when its event comes.
    const isAhead = this.#modseqs[place] !== highestModseq;
    this.#unseenCounts[place] = isAhead ? unknownCount : unseenCount;
  }

  /** The last version of a mailbox, if the last that happened to it is this change and all before was told; else undefined. */
  versionOfOnly(mailboxId: number, modseq: number, toldVersion: number): number | undefined {
    const place = this.#find(mailboxId);
    if (place === undefined || this.#modseqs[place] !== modseq) return undefined;
    return this.#before[place]! <= toldVersion ? this.#latest(place) : undefined;
  }

  /** The changed mailbox with this id; undefined if it has not changed. */
  find(mailboxId: number): ChangedMailbox | undefined {
    const place = this.#find(mailboxId);
    return place === undefined ? undefined : this.#at(place);
  }

  /** The one with the next id above this one that has changed after a version. */
  next(afterId: number, version: number): ChangedMailbox | undefined {
    for (let place = this.#indexOf(afterId + 1); place < this.#count; place++) {
      if (this.#latest(place) > version) return this.#at(place);
    }
    return undefined;
  }

  #at(place: number): ChangedMailbox {
    return {
      mailboxId: this.#ids[place]!,
      messages: this.#messages[place]!,
      flags: this.#flags[place]!,
      unseen: this.#unseen[place]!,
    };
  }

  #latest(place: number): number {
    return Math.max(this.#messages[place]!, this.#flags[place]!);
  }

  #find(mailboxId: number): number | undefined {
    const place = this.#indexOf(mailboxId);
    return place < this.#count && this.#ids[place] === mailboxId ? place : undefined;
  }

  #indexOf(mailboxId: number): number {
    let [low, high] = [0, this.#count];
    // Ends at the first id that is not below.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ids[middle]! < mailboxId) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Adds the mailbox if it is not there. */
  #placeOf(mailboxId: number): number {
    const place = this.#indexOf(mailboxId);
    if (place < this.#count && this.#ids[place] === mailboxId) return place;
    if (this.#count === this.#ids.length) this.#grow();
    for (const column of this.#columns) {
      column.copyWithin(place + 1, place, this.#count);
      column[place] = 0;
    }
    this.#count += 1;
    this.#ids[place] = mailboxId;
    this.#unseenCounts[place] = unknownCount;
    return place;
  }

  get #columns(): readonly (Float64Array | Uint32Array)[] {
    const numbers = [this.#messages, this.#flags, this.#unseen, this.#before, this.#unseenCounts];
    return [this.#ids, this.#modseqs, ...numbers];
  }

  #grow(): void {
    const room = this.#count + Math.max(leastSpare, Math.ceil(this.#count * spareShare));
    const doubles = (column: Float64Array<ArrayBuffer>) => copyInto(new Float64Array(room), column);
    const numbers = (column: Uint32Array<ArrayBuffer>) => copyInto(new Uint32Array(room), column);
    this.#ids = doubles(this.#ids);
    this.#modseqs = doubles(this.#modseqs);
    this.#messages = numbers(this.#messages);
    this.#flags = numbers(this.#flags);
    this.#unseen = numbers(this.#unseen);
    this.#before = numbers(this.#before);
    this.#unseenCounts = numbers(this.#unseenCounts);
  }
}

function copyInto<Column extends Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(
  into: Column,
  from: Column,
): Column {
  into.set(from);
  return into;
}
