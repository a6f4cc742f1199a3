import type { SpecialUse } from '../../protocol/special-use.ts';
import type { InternalDate } from '../../protocol/dates.ts';
import { limits } from '../limits.ts';
import { EventListeners } from '../event-listeners.ts';
import {
  type AccountEvent,
  ChangesForgottenError,
  type CopyResult,
  type FlagChange,
  type FlagChangeResult,
  type MailboxStatus,
  StoreError,
} from '../mail-store.ts';
import type { MailboxEvent } from '../mailbox-changes.ts';
import { type Body, type BodyPool, digestKey } from './bodies.ts';
import type { Commit } from './commit.ts';
import { changeFlags, MailboxFlags, type FlagSet } from './mailbox-flags.ts';
import { type Message, uidsOf } from './message.ts';
import { MemoryMetadata } from './metadata.ts';

/** A UID that is gone, and the modseq of that. */
export interface ExpungedUid {
  readonly uid: number;
  readonly modseq: number;
}

/** What a message is made of, before it has a UID. */
interface NewMessage {
  readonly body: Body;
  readonly internalDate: InternalDate;
  /** A set of this mailbox. */
  readonly flags: FlagSet;
}

/** One mailbox with its messages. Changes are made within a {@link Commit}, in one turn of the event loop. */
export class MemoryMailbox {
  readonly id: number;
  readonly accountId: number;
  specialUses: readonly SpecialUse[];
  readonly metadata = new MemoryMetadata();
  name: string;
  /** False for a level that only holds children. */
  isSelectable: boolean;
  uidValidity: number;
  readonly flagSets = new MailboxFlags();
  readonly imports = new ImportCounts();
  readonly listeners = new EventListeners<MailboxEvent>();
  /** Those of the account. */
  readonly accountListeners: EventListeners<AccountEvent>;
  readonly #bodies: BodyPool;
  /** Ascending by UID. */
  #messages: Message[] = [];
  /** Ascending by modseq. */
  readonly #expunged: ExpungedUid[] = [];
  /** The modseq up to which it is not known any more what was expunged. */
  #expungedHorizon = 0;
  #uidNext = 1;
  #highestModseq = 1;
  #recentFromUid = 1;
  #unseenCount = 0;
  #deletedCount = 0;
  #sizeBytes = 0;

  constructor(
    bodies: BodyPool,
    properties: Pick<
      MemoryMailbox,
      | 'id'
      | 'accountId'
      | 'accountListeners'
      | 'name'
      | 'isSelectable'
      | 'specialUses'
      | 'uidValidity'
    >,
  ) {
    this.#bodies = bodies;
    this.id = properties.id;
    this.accountId = properties.accountId;
    this.accountListeners = properties.accountListeners;
    this.name = properties.name;
    this.isSelectable = properties.isSelectable;
    this.specialUses = properties.specialUses;
    this.uidValidity = properties.uidValidity;
  }

  get status(): MailboxStatus {
    return {
      messageCount: this.#messages.length,
      unseenCount: this.#unseenCount,
      deletedCount: this.#deletedCount,
      recentCount: this.#messages.length - this.#indexOf(this.#recentFromUid),
      sizeBytes: this.#sizeBytes,
      uidNext: this.#uidNext,
      uidValidity: this.uidValidity,
      highestModseq: this.#highestModseq,
    };
  }

  /** How many messages have a UID below this. */
  countBelow(uid: number): number {
    return this.#indexOf(uid);
  }

  /** The message sequence number of the first message without \Seen; undefined if all have it. */
  get firstUnseenNumber(): number | undefined {
    const index = this.#messages.findIndex(({ flags }) => !flags.isSeen);
    return index === -1 ? undefined : index + 1;
  }

  /** The messages, ascending by UID; the mailbox's own list. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** What is gone, ascending by modseq; the mailbox's own list. @throws ChangesForgottenError */
  expungedSince(since: number): readonly ExpungedUid[] {
    if (since < this.#expungedHorizon) throw new ChangesForgottenError(since);
    return this.#expunged;
  }

  /** Forgets the oldest of what is gone, beyond `limits.maxExpungedUids`. */
  forgetExpunged(): void {
    const count = this.#expunged.length - limits.maxExpungedUids;
    if (count <= 0) return;
    this.#expungedHorizon = this.#expunged[count - 1]!.modseq;
    this.#expunged.splice(0, count);
  }

  /** Those of the UIDs (ascending) that exist. */
  select(uids: Uint32Array): Message[] {
    const selected: Message[] = [];
    let index = 0;
    for (const uid of uids) {
      // UIDs that lie close are most often those of messages that lie side by side.
      if (this.#messages[index]?.uid !== uid) index = this.#indexOf(uid);
      const message = this.#messages[index];
      if (message?.uid !== uid) continue;
      selected.push(message);
      index += 1;
    }
    return selected;
  }

  /** So many messages with a UID above `afterUid`. */
  slice(afterUid: number, count: number): Message[] {
    const start = this.#indexOf(afterUid + 1);
    return this.#messages.slice(start, start + count);
  }

  /** @see MailStore.claimRecent */
  claimRecent(): { firstUid: number; nextUid: number } {
    const firstUid = this.#recentFromUid;
    this.#recentFromUid = this.#uidNext;
    return { firstUid, nextUid: this.#uidNext };
  }

  /** `LIMIT` if there are not so many UIDs left. */
  checkRoom(count: number): void {
    if (this.#uidNext + count > limits.maxUid) {
      throw new StoreError('LIMIT', 'The mailbox has no UIDs left');
    }
  }

  /** The modseq of the next change. */
  takeModseq(): number {
    this.#highestModseq += 1;
    return this.#highestModseq;
  }

  /** Adds a message at the end. The caller has looked whether there is room. */
  add(commit: Commit, { body, internalDate, flags }: NewMessage): Message {
    const change = commit.changeOf(this);
    const message: Message = {
      uid: this.#uidNext++,
      body,
      internalDate,
      savedMs: commit.nowMs,
      modseq: change.modseq,
      flags,
    };
    this.#messages.push(message);
    this.#bodies.retain(body);
    this.#count(message, 1);
    change.messages.push(message);
    change.isFlagsOnly = false;
    return message;
  }

  /** Adds copies of messages of another mailbox, or of this one, at the end. The caller has looked whether there is room. */
  copyFrom(commit: Commit, source: MemoryMailbox, messages: readonly Message[]): CopyResult {
    const sourceUids = uidsOf(messages);
    const sets = new Set(messages.map(({ flags }) => flags));
    const translated = source === this ? undefined : this.flagSets.translate(sets);
    // The list may be the mailbox's own, which grows by this.
    const copies = [...messages].map(({ body, internalDate, flags }) =>
      this.add(commit, { body, internalDate, flags: translated?.get(flags) ?? flags }),
    );
    return {
      targetUidValidity: this.uidValidity,
      sourceUids,
      targetUids: uidsOf(copies),
      targetModseq: this.#highestModseq,
    };
  }

  /** @see MailStore.storeFlags */
  storeFlags(commit: Commit, uids: Uint32Array, change: FlagChange): FlagChangeResult {
    const { mode, unchangedSince = Infinity } = change;
    // Removing a keyword that the mailbox does not know must not make it known.
    const flags =
      mode === 'remove' ? this.flagSets.known(change.flags) : this.flagSets.define(change.flags);
    const after = new Map<FlagSet, FlagSet>();
    const [changed, unchanged, modified]: [Message[], Message[], Message[]] = [[], [], []];
    for (const message of this.select(uids)) {
      if (message.modseq > unchangedSince) {
        modified.push(message);
        continue;
      }
      let set = after.get(message.flags);
      if (set === undefined) {
        set = this.flagSets.setOf(changeFlags(message.flags.flags, mode, flags));
        after.set(message.flags, set);
      }
      (set === message.flags ? unchanged : changed).push(message);
    }
    const previousModseqs = Float64Array.from(changed, ({ modseq }) => modseq);
    return {
      modseq: changed.length === 0 ? undefined : this.#replaceFlags(commit, changed, after),
      changedUids: uidsOf(changed),
      previousModseqs,
      unchangedUids: uidsOf(unchanged),
      modifiedUids: uidsOf(modified),
    };
  }

  /** The modseq of that. */
  #replaceFlags(commit: Commit, messages: Message[], after: ReadonlyMap<FlagSet, FlagSet>): number {
    const change = commit.changeOf(this);
    for (const message of messages) {
      const set = after.get(message.flags)!;
      this.#count(message, -1);
      message.modseq = change.modseq;
      message.flags = set;
      this.#count(message, 1);
    }
    change.messages = messages;
    return change.modseq;
  }

  /** Removes messages, which are ascending by UID; the modseq of that. */
  remove(commit: Commit, messages: readonly Message[]): number {
    if (messages.length === 0) return this.#highestModseq;
    // Before: all that this removes can be read at least until the next time.
    this.forgetExpunged();
    const change = commit.changeOf(this);
    let next = 0;
    this.#messages = this.#messages.filter((message) => {
      if (message !== messages[next]) return true;
      next += 1;
      return false;
    });
    for (const message of messages) {
      this.#count(message, -1);
      this.#bodies.release(message.body, commit.nowMs);
      message.modseq = change.modseq;
      this.#expunged.push({ uid: message.uid, modseq: change.modseq });
    }
    change.expungedUids = uidsOf(messages);
    change.isFlagsOnly = false;
    return change.modseq;
  }

  /** The mailbox is deleted: nothing of it stays, and its watchers are told. */
  removeAll(commit: Commit): void {
    commit.changeOf(this).isGone = true;
    for (const { body } of this.#messages) this.#bodies.release(body, commit.nowMs);
    this.#messages = [];
    this.#expunged.length = 0;
  }

  /** Counts a message in or out. */
  #count({ flags, body }: Message, change: 1 | -1): void {
    if (!flags.isSeen) this.#unseenCount += change;
    if (flags.isDeleted) this.#deletedCount += change;
    this.#sizeBytes += change * body.facts.sizeBytes;
    this.flagSets.count(flags, change);
  }

  /** The place of the first message whose UID is not below this one. */
  #indexOf(uid: number): number {
    let low = 0;
    let high = this.#messages.length;
    // Ends at the first message that is not below.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#messages[middle]!.uid < uid) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** How often messages were imported into a mailbox, by their digests; also if they are gone. */
class ImportCounts {
  readonly #counts = new Map<string, number>();

  countOf(sha256: Uint8Array): number {
    return this.#counts.get(digestKey(sha256)) ?? 0;
  }

  /** `ALREADYEXISTS` if so many with these bytes were imported before. */
  check(sha256: Uint8Array, occurrence: number): void {
    if (this.countOf(sha256) < occurrence) return;
    throw new StoreError('ALREADYEXISTS', 'The message was imported before');
  }

  add(sha256: Uint8Array): void {
    this.#counts.set(digestKey(sha256), this.countOf(sha256) + 1);
  }
}
