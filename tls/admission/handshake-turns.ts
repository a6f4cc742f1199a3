import { CountRanking } from './ranking.ts';
import { DetachedTimer } from '../time.ts';
import { admissionLimits } from '../limits.ts';
import type { Linked } from '../linked-list.ts';

/** Bounds of {@link HandshakeTurns}, for one thread. */
export interface HandshakeTurnLimits {
  /** Most handshakes at a time, slow ones not counted. */
  readonly quickHandshakes: number;
  /** Ticks after which a handshake counts as slow. */
  readonly quickTicks: number;
  /** Length of a tick, in milliseconds. */
  readonly tickMs: number;
  /** Most slow handshakes at a time. */
  readonly slowHandshakes: number;
  /** Most slow handshakes at a time of one address group. */
  readonly slowHandshakesPerGroup: number;
}

/** A connection that wants to shake hands. */
export interface TurnTaker {
  /** Its address group. */
  readonly group: string;
  /** Its turn begins; it calls {@link HandshakeTurns.leave} at the end. */
  beginTurn(): void;
  /** Its turn is taken away: there are too many slow handshakes, and its group has most of them. */
  loseTurn(): void;
}

/** A handshake that runs, and for how many ticks. */
interface QuickHandshake {
  readonly taker: TurnTaker;
  tickCount: number;
}

/** The connections of one address group that wait or are slow. A group without any is dropped. */
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
 * Decides who may shake hands now. A bounded number of handshakes runs at a time, and address groups take turns. The
 * others wait, so that a thousand clients that come at once need no more memory than a few, and no more time in all.
 *
 * A handshake that has not ended after some ticks waits for its client: it becomes slow and makes room for the next
 * quick one. Slow handshakes go on until their deadline. But a group that has its share of them gets no turn until
 * some end; and if there are too many in all, the oldest one of the group that has most loses its turn.
 */
export class HandshakeTurns {
  readonly #limits: HandshakeTurnLimits;
  readonly #groups = new Map<string, TurnGroup>();
  /** Groups in which a connection waits and may begin, in the order of their turns. */
  readonly #ready = new Set<TurnGroup>();
  /** Quick handshakes, the oldest first: at most so many that looking for one costs next to nothing. */
  readonly #quick: QuickHandshake[] = [];
  readonly #slowRanking = new CountRanking<TurnGroup>();
  readonly #timer = new DetachedTimer(() => this.tick());
  #slowCount = 0;

  constructor(limits: HandshakeTurnLimits = admissionLimits) {
    this.#limits = limits;
  }

  /** How many handshakes run, slow ones not counted. */
  get quickCount(): number {
    return this.#quick.length;
  }

  /** How many handshakes wait for slow clients. */
  get slowCount(): number {
    return this.#slowCount;
  }

  /**
   * Begins a turn at once if one is free.
   *
   * @returns false if the taker has to {@link wait}. `beginTurn` is not called.
   */
  beginNow(taker: TurnTaker): boolean {
    // If a turn is free, others wait only because their group has its share of slow handshakes.
    if (this.#quick.length >= this.#limits.quickHandshakes) return false;
    const group = this.#groups.get(taker.group);
    if (group !== undefined && !this.#isBelowShare(group)) return false;
    this.#begin(taker);
    return true;
  }

  /** Waits for a turn; `beginTurn` may be called before this returns. */
  wait(taker: TurnTaker): void {
    const group = this.#groupOf(taker.group);
    group.waiting.add(taker);
    this.#updateGroup(group);
    this.#beginTurns();
  }

  /** Ends a turn, or the wait for one. Does nothing if there is neither. */
  leave(taker: TurnTaker): void {
    if (!this.#removeQuick(taker)) {
      const group = this.#groups.get(taker.group);
      if (group === undefined) return;
      if (!this.#removeSlow(group, taker)) group.waiting.delete(taker);
      this.#updateGroup(group);
    }
    this.#beginTurns();
  }

  /** Counts one tick for each quick handshake; those with enough of them become slow. The timer calls it. */
  tick(): void {
    for (const handshake of this.#quick.slice()) {
      handshake.tickCount += 1;
      if (handshake.tickCount >= this.#limits.quickTicks) this.#becomeSlow(handshake.taker);
    }
    this.#beginTurns();
    if (this.#quick.length > 0) this.#timer.arm(this.#limits.tickMs);
  }

  #beginTurns(): void {
    for (const group of this.#ready) {
      if (this.#quick.length >= this.#limits.quickHandshakes) break;
      const [taker] = group.waiting;
      this.#ready.delete(group);
      if (taker === undefined) continue;
      group.waiting.delete(taker);
      this.#begin(taker);
      // Puts the group at the end of the round: this loop comes to it again.
      this.#updateGroup(group);
      taker.beginTurn();
    }
  }

  #begin(taker: TurnTaker): void {
    this.#quick.push({ taker, tickCount: 0 });
    if (!this.#timer.isArmed) this.#timer.arm(this.#limits.tickMs);
  }

  /** Returns false if the handshake is not quick, or has not begun. */
  #removeQuick(taker: TurnTaker): boolean {
    const place = this.#quick.findIndex((handshake) => handshake.taker === taker);
    if (place >= 0) this.#quick.splice(place, 1);
    return place >= 0;
  }

  #becomeSlow(taker: TurnTaker): void {
    if (this.#slowCount >= this.#limits.slowHandshakes) this.#endOldestSlow();
    const group = this.#groupOf(taker.group);
    this.#removeQuick(taker);
    this.#slowRanking.change(group, group.slow.size, group.slow.size + 1);
    group.slow.add(taker);
    this.#slowCount += 1;
    this.#updateGroup(group);
  }

  #endOldestSlow(): void {
    const group = this.#slowRanking.first;
    const [oldest] = group?.slow ?? [];
    if (group === undefined || oldest === undefined) return;
    this.#removeSlow(group, oldest);
    this.#updateGroup(group);
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

  /** Puts a group that has changed among the ready ones, or takes it out, or drops it. */
  #updateGroup(group: TurnGroup): void {
    const { waiting, slow } = group;
    if (waiting.size > 0 && this.#isBelowShare(group)) this.#ready.add(group);
    else this.#ready.delete(group);
    if (waiting.size + slow.size === 0) this.#groups.delete(group.name);
  }

  /** Whether the group has fewer slow handshakes than it may. */
  #isBelowShare({ slow }: TurnGroup): boolean {
    return slow.size < this.#limits.slowHandshakesPerGroup;
  }
}
