import type {
  ChangedMessage,
  Mailbox,
  MailboxListener,
  MailboxOpening,
} from '../../store/mail-store.ts';
import { systemFlags, type Flag } from '../../protocol/flag.ts';
import { ByeError } from './command-error.ts';
import { lowerBound, type MailboxSnapshot, type SnapshotStep } from './mailbox-snapshot.ts';
import type { ResponseStream } from './response-stream.ts';
import type { ServiceContext } from './service-context.ts';

/** What a session knows of the mailbox it has selected, and how it learns of changes. */
export class SelectedMailbox {
  readonly mailbox: Mailbox;
  readonly isReadOnly: boolean;
  readonly #context: ServiceContext;
  readonly #unwatch: () => void;
  /** Modseqs of this session's own changes, of which the client has been told already. */
  readonly #reported = new Set<number>();
  #snapshot: MailboxSnapshot;
  #keywords: readonly Flag[];
  #recentRanges: (readonly [firstUid: number, nextUid: number])[] = [];
  #latestModseq: number;
  #isGone = false;
  #onChange: (() => void) | undefined;

  constructor(
    context: ServiceContext,
    mailbox: Mailbox,
    opening: MailboxOpening,
    isReadOnly: boolean,
  ) {
    this.mailbox = mailbox;
    this.isReadOnly = isReadOnly;
    this.#context = context;
    this.#latestModseq = opening.status.highestModseq;
    this.#snapshot = context.snapshots.share(mailbox.id, this.#latestModseq, opening.uids);
    this.#keywords = opening.keywords;
    const listener: MailboxListener = ({ modseq, gone }) => {
      this.#latestModseq = Math.max(this.#latestModseq, modseq);
      this.#isGone ||= gone;
      this.#onChange?.();
    };
    this.#unwatch = context.store.watch(mailbox.id, listener);
  }

  get snapshot(): MailboxSnapshot {
    return this.#snapshot;
  }

  /** Keywords the client knows to be in use. */
  get keywords(): readonly Flag[] {
    return this.#keywords;
  }

  /** True where the store has changes that the client has not been told of. */
  get isStale(): boolean {
    return this.#isGone || this.#latestModseq > this.#snapshot.modseq;
  }

  /** True where some of these changes are others' (each change has a modseq of its own). */
  get hasForeignChanges(): boolean {
    return this.#latestModseq - this.#snapshot.modseq > this.#reported.size;
  }

  /** Called after each change in the mailbox, whoever made it; undefined ends that. */
  set onChange(callback: (() => void) | undefined) {
    this.#onChange = callback;
  }

  /** Stops watching; the mailbox is no longer selected. */
  close(): void {
    this.#onChange = undefined;
    this.#unwatch();
  }

  /** The client has been told of a change of its own; it is not told again. */
  markReported(modseq: number): void {
    if (modseq > this.#snapshot.modseq) this.#reported.add(modseq);
  }

  /**
   * Makes the messages nobody was told of this session's \Recent ones. A read-only session sees them and
   * leaves them to others.
   */
  async claimRecent(recentCount = 0): Promise<void> {
    if (this.isReadOnly) {
      const first = this.#snapshot.uids.at(-recentCount);
      if (recentCount > 0 && first !== undefined) this.#recentRanges = [[first, Infinity]];
      return;
    }
    const { firstUid, nextUid } = await this.#context.store.claimRecent(this.mailbox.id);
    if (nextUid > firstUid) this.#recentRanges.push([firstUid, nextUid]);
  }

  isRecent(uid: number): boolean {
    return this.#recentRanges.some(([first, next]) => uid >= first && uid < next);
  }

  /** Number of \Recent messages in the mailbox as the client knows it. */
  get recentCount(): number {
    const { uids } = this.#snapshot;
    return this.recentUids().length === 0
      ? 0
      : this.#recentRanges.reduce(
          (sum, [first, next]) => sum + lowerBound(uids, next) - lowerBound(uids, first),
          0,
        );
  }

  /** UIDs of the \Recent messages, ascending. */
  recentUids(): Uint32Array {
    if (this.#recentRanges.length === 0) return new Uint32Array();
    return this.#snapshot.uids.filter((uid) => this.isRecent(uid));
  }

  /** Flags of a message as wire text in parentheses, \Recent among them. */
  formatFlags(uid: number, flags: readonly Flag[]): string {
    const all = this.isRecent(uid) ? ['\\Recent', ...flags] : flags;
    return `(${all.join(' ')})`;
  }

  /**
   * Tells the client all that has changed: EXPUNGE, EXISTS, RECENT, FETCH. Only where the command allows
   * message sequence numbers to change (RFC 3501, section 7.4.1).
   */
  async sync(out: ResponseStream, hasCondstore: boolean): Promise<void> {
    while (this.isStale) {
      if (this.#isGone) throw new ByeError('The selected mailbox has been deleted');
      const step = await this.#snapshot.advance(this.#context.store, this.#latestModseq);
      await this.#report(step, out, hasCondstore);
    }
  }

  async #report(step: SnapshotStep, out: ResponseStream, hasCondstore: boolean): Promise<void> {
    const { changes, next } = step;
    const before = this.#snapshot;
    let removedCount = 0;
    for (const uid of changes.expungedUids) {
      const sequenceNumber = before.sequenceNumberOf(uid);
      if (sequenceNumber === undefined) continue;
      out.untagged(`${sequenceNumber - removedCount} EXPUNGE`);
      removedCount += 1;
    }
    // A change that arrives while we write is in a later step: `latest` is compared again afterwards.
    this.#snapshot = this.#context.snapshots.add(next);
    this.#latestModseq = Math.max(this.#latestModseq, next.modseq);
    if (next.uids.length > before.uids.length - removedCount) {
      await this.claimRecent();
      out.untagged(`${next.uids.length} EXISTS`);
      out.untagged(`${this.recentCount} RECENT`);
    }
    await this.#reportFlags(before, changes.messages, out, hasCondstore);
    for (const modseq of this.#reported) if (modseq <= next.modseq) this.#reported.delete(modseq);
  }

  async #reportFlags(
    before: MailboxSnapshot,
    messages: readonly ChangedMessage[],
    out: ResponseStream,
    hasCondstore: boolean,
  ): Promise<void> {
    for (const { uid, modseq, flags } of messages) {
      if (this.#reported.has(modseq) || before.sequenceNumberOf(uid) === undefined) continue;
      this.writeFlags(out, { uid, modseq, flags }, { hasUid: true, hasModseq: hasCondstore });
      if (out.isFull) await out.ready();
    }
  }

  /** Writes `* n FETCH (FLAGS …)` of one message, where the client knows the message. */
  writeFlags(
    out: ResponseStream,
    message: Omit<ChangedMessage, 'isNew'>,
    options: { hasFlags?: boolean; hasUid: boolean; hasModseq: boolean },
  ): void {
    const sequenceNumber = this.#snapshot.sequenceNumberOf(message.uid);
    if (sequenceNumber === undefined) return;
    this.learnKeywords(message.flags, out);
    const items = [
      ...(options.hasUid ? [`UID ${message.uid}`] : []),
      ...(options.hasFlags === false
        ? []
        : [`FLAGS ${this.formatFlags(message.uid, message.flags)}`]),
      ...(options.hasModseq ? [`MODSEQ (${message.modseq})`] : []),
    ];
    out.untagged(`${sequenceNumber} FETCH (${items.join(' ')})`);
  }

  /** Sends a new FLAGS response before a keyword that the client has not heard of. */
  learnKeywords(flags: readonly Flag[], out: ResponseStream): void {
    const unknown = flags.filter(
      (flag) => !flag.startsWith('\\') && !this.#keywords.includes(flag),
    );
    if (unknown.length === 0) return;
    this.#keywords = [...this.#keywords, ...unknown];
    out.untagged(`FLAGS ${this.formatKnownFlags()}`);
  }

  /** All flags that are defined in the mailbox, as wire text. */
  formatKnownFlags(...more: readonly Flag[]): string {
    return `(${[...systemFlags, ...this.#keywords, ...more].join(' ')})`;
  }
}
