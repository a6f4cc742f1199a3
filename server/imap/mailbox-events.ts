import type { MailboxEvent } from '../../store/mailbox-changes.ts';

/** An event after which there still is a mailbox. */
export type ChangeEvent = Exclude<MailboxEvent, { readonly kind: 'gone' }>;

/** An event that tells what has changed. */
export type ToldChange = Extract<MailboxEvent, { readonly kind: 'changed' }>;

/** Brings in what has changed; then it calls {@link MailboxEvents.reached}. */
export interface EventFollower {
  /** The change behind the last one. */
  take(event: ToldChange): void;
  /** Reads what no event has told, up to a modseq. Never rejects. */
  readMissed(until: number): Promise<void>;
}

/**
 * The events of a mailbox, each change once and in order. What they do not tell (they were missed, or too large) is read, and
 * those that come meanwhile wait.
 */
export class MailboxEvents {
  readonly #follower: EventFollower;
  #modseq = 0;
  /** Events that wait; undefined while none has to. */
  #waiting: ChangeEvent[] | undefined = [];
  /** Those who wait until a modseq is reached. */
  #arrivals: { readonly modseq: number; readonly settle: () => void }[] = [];

  /** All events wait until {@link begin}. */
  constructor(follower: EventFollower) {
    this.#follower = follower;
  }

  /** Everything up to this modseq is in. */
  get modseq(): number {
    return this.#modseq;
  }

  /** True while events wait for what is being read. */
  get isReading(): boolean {
    return this.#waiting !== undefined;
  }

  /** Goes on from a modseq with the events behind it. */
  begin(modseq: number): void {
    this.#modseq = modseq;
    this.#takeWaiting();
  }

  add(event: ChangeEvent): void {
    if (this.#waiting === undefined) this.#take([event]);
    else this.#waiting.push(event);
  }

  /** Everything up to the modseq is in, from now on. */
  reached(modseq: number): void {
    this.#modseq = modseq;
    this.#settle(({ modseq: wanted }) => wanted <= modseq);
  }

  /** Settles once everything up to the modseq is in, or the events have ended. */
  async reach(modseq: number): Promise<void> {
    if (modseq <= this.#modseq) return;
    await new Promise<void>((resolve) => this.#arrivals.push({ modseq, settle: resolve }));
  }

  /** No more events come; nobody waits for one any longer. */
  end(): void {
    this.#waiting = undefined;
    this.#settle(() => true);
  }

  /** What is to be read is read up to the last of the events in one go: it may be the whole mailbox. */
  #take(events: readonly ChangeEvent[]): void {
    const until = events.at(-1)?.modseq ?? 0;
    for (const event of events) {
      if (event.modseq <= this.#modseq) continue;
      if (event.kind === 'changed-much' || event.modseq !== this.#modseq + 1) {
        void this.#readMissed(until);
        return;
      }
      this.#follower.take(event);
    }
  }

  async #readMissed(until: number): Promise<void> {
    this.#waiting = [];
    await this.#follower.readMissed(until);
    this.#takeWaiting();
  }

  #takeWaiting(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#take(waiting);
  }

  #settle(isDue: (arrival: { readonly modseq: number }) => boolean): void {
    if (this.#arrivals.length === 0) return;
    const due = this.#arrivals.filter(isDue);
    this.#arrivals = this.#arrivals.filter((arrival) => !isDue(arrival));
    for (const { settle } of due) settle();
  }
}
