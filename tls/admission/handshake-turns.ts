import { CountRanking } from './ranking.ts';
import { DetachedTimer } from '../time.ts';
import { admissionLimits } from '../limits.ts';
import type { Linked } from './ranking.ts';

/** Bounds of {@link HandshakeTurns}, for one thread. */
export interface HandshakeTurnLimits {
  /** Handshakes that run at a time, slow ones not counted. */
  readonly quickHandshakes: number;
  /** Ticks after which a handshake counts as slow. */
  readonly quickTicks: number;
  /** Length of a tick, in milliseconds. */
  readonly tickMs: number;
  /** Slow handshakes at a time. */
  readonly slowHandshakes: number;
  /** Of these, from one address group. */
  readonly slowHandshakesPerGroup: number;
}

/** Somebody who wants to shake hands. */
export interface TurnTaker {
  /** Its address group. */
  readonly group: string;
  /** It is its turn; it says {@link HandshakeTurns.leave} at the end. */
  beginTurn(): void;
  /** Its turn is over before the end: there are too many slow ones, and most are of its group. */
  loseTurn(): void;
}

/** The takers of one address group that wait or are slow; while there is none, there is no group. */
class TurnGroup implements Linked<TurnGroup> {
  readonly name: string;
  readonly waiting = new Set<TurnTaker>();
  readonly slow = new Set<TurnTaker>();
  before: TurnGroup | undefined;
  after: TurnGroup | undefined;

  constructor(name: string) {
    this.name = name;
  }
}

/**
 * Who may shake hands now. A bounded number of handshakes runs at a time, the address groups in turn; the others
 * wait, so that a thousand clients that come at once cost no more memory than a few, and take no longer.
 *
 * A handshake that is still there after some ticks waits for its client: it becomes slow, and makes room for the
 * next quick one. Slow ones go on until their deadline, but a group with its share of them waits until some
 * end, and when there are too many in all the oldest of the group that has most is ended.
 */
export class HandshakeTurns {
  readonly #limits: HandshakeTurnLimits;
  readonly #groups = new Map<string, TurnGroup>();
  /** Groups of which one may begin, in the order of their turns. */
  readonly #ready = new Set<TurnGroup>();
  /** Quick handshakes, with the ticks that each has seen. */
  readonly #quick = new Map<TurnTaker, number>();
  readonly #slowRanking = new CountRanking<TurnGroup>();
  readonly #timer = new DetachedTimer(() => this.tick());
  #slowCount = 0;

  constructor(limits: HandshakeTurnLimits = admissionLimits) {
    this.#limits = limits;
  }

  /** Handshakes that run, slow ones not counted. */
  get quickCount(): number {
    return this.#quick.size;
  }

  /** Handshakes that wait for slow clients. */
  get slowCount(): number {
    return this.#slowCount;
  }

  /**
   * Begins a turn at once, if nobody has to wait for one.
   *
   * @returns false if the taker has to {@link wait}; `beginTurn` is not called here
   */
  beginNow(taker: TurnTaker): boolean {
    // While there is a turn, those who wait do so only since their group has its share of slow handshakes.
    if (this.#quick.size >= this.#limits.quickHandshakes) return false;
    const group = this.#groups.get(taker.group);
    if (group !== undefined && !this.#hasShare(group)) return false;
    this.#begin(taker);
    return true;
  }

  /** Waits for a turn, which may begin within this call. */
  wait(taker: TurnTaker): void {
    const group = this.#groupOf(taker.group);
    group.waiting.add(taker);
    this.#review(group);
    this.#beginTurns();
  }

  /** Ends a turn, or the waiting for one; harmless after that. */
  leave(taker: TurnTaker): void {
    if (!this.#quick.delete(taker)) {
      const group = this.#groups.get(taker.group);
      if (group === undefined) return;
      if (!this.#removeSlow(group, taker)) group.waiting.delete(taker);
      this.#review(group);
    }
    this.#beginTurns();
  }

  /** The event loop has turned for a while: handshakes that have seen enough of these become slow. */
  tick(): void {
    for (const [taker, ticks] of this.#quick) {
      if (ticks + 1 >= this.#limits.quickTicks) this.#becomeSlow(taker);
      else this.#quick.set(taker, ticks + 1);
    }
    this.#beginTurns();
    if (this.#quick.size > 0) this.#timer.arm(this.#limits.tickMs);
  }

  #beginTurns(): void {
    for (const group of this.#ready) {
      if (this.#quick.size >= this.#limits.quickHandshakes) break;
      const [taker] = group.waiting;
      this.#ready.delete(group);
      if (taker === undefined) continue;
      group.waiting.delete(taker);
      this.#begin(taker);
      // To the end of the round: this loop comes to it again.
      this.#review(group);
      taker.beginTurn();
    }
  }

  #begin(taker: TurnTaker): void {
    this.#quick.set(taker, 0);
    if (!this.#timer.isArmed) this.#timer.arm(this.#limits.tickMs);
  }

  #becomeSlow(taker: TurnTaker): void {
    if (this.#slowCount >= this.#limits.slowHandshakes) this.#endOldestSlow();
    const group = this.#groupOf(taker.group);
    this.#quick.delete(taker);
    this.#slowRanking.change(group, group.slow.size, group.slow.size + 1);
    group.slow.add(taker);
    this.#slowCount += 1;
    this.#review(group);
  }

  #endOldestSlow(): void {
    const group = this.#slowRanking.first;
    const [oldest] = group?.slow ?? [];
    if (group === undefined || oldest === undefined) return;
    this.#removeSlow(group, oldest);
    this.#review(group);
    oldest.loseTurn();
  }

  #removeSlow(group: TurnGroup, taker: TurnTaker): boolean {
    if (!group.slow.delete(taker)) return false;
    this.#slowRanking.change(group, group.slow.size + 1, group.slow.size);
    this.#slowCount -= 1;
    return true;
  }

  #groupOf(name: string): TurnGroup {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group = new TurnGroup(name);
    this.#groups.set(name, group);
    return group;
  }

  /** Brings a group that has changed to where it belongs now. */
  #review(group: TurnGroup): void {
    const { waiting, slow } = group;
    if (waiting.size > 0 && this.#hasShare(group)) this.#ready.add(group);
    else this.#ready.delete(group);
    if (waiting.size + slow.size === 0) this.#groups.delete(group.name);
  }

  /** True if the group has not as many slow handshakes as it may. */
  #hasShare({ slow }: TurnGroup): boolean {
    return slow.size < this.#limits.slowHandshakesPerGroup;
  }
}
