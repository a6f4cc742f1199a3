import { addressGroup } from '../address-group.ts';
import { type Clock, steadyClock } from '../time.ts';
import { CountRanking } from './ranking.ts';
import { type HandshakeTurnLimits, HandshakeTurns, type TurnTaker } from './handshake-turns.ts';
import { admissionLimits } from '../limits.ts';
import { type Linked, LinkedList } from '../linked-list.ts';

/**
 * Why a stranger's connection has to end:
 *
 * - `room`: the process has as many strangers as it may, and its address group has most of them
 * - `slow`: there are too many slow handshakes, and its address group has most of them
 * - `late`: it has not logged in within the time that its owner gives it; given by owners only, never by us
 */
export type AdmissionEndReason = 'room' | 'slow' | 'late';

/** The owner of a stranger's socket at this time. */
export interface Visitor {
  /** Ends the connection. It is not counted any more. */
  end(reason: AdmissionEndReason): void;
}

/** A stranger's connection, as {@link Admission} counts it from accept until login or close. */
export interface AdmissionEntry {
  /** Its IPv4 address, or the /64 of its IPv6 address. */
  readonly group: string;
  /** Who ends it if it must. Whoever takes the socket over sets itself here, and at the end its predecessor again. */
  visitor: Visitor;
  /** How long the server has made it wait for its turn so far, in milliseconds. Deadlines should not count that. */
  readonly waitedMs: number;
  /**
   * Takes a turn to shake hands if no other connection waits for one. Call it when the ClientHello is there.
   *
   * @returns the turn, which the caller ends with the handshake; undefined if it has to wait, or has left
   */
  tryHandshakeTurn(): HandshakeTurn | undefined;
  /**
   * Waits for a turn to shake hands. Call it when the ClientHello is there. Never rejects.
   *
   * @returns the turn, which the caller ends with the handshake; undefined if the connection has left or must end
   */
  takeHandshakeTurn(): Promise<HandshakeTurn | undefined>;
  /** The server works for it now, so it does not have to make room. */
  markBusy(): void;
  /** The server waits for the client now, so it may have to make room. Those that are idle for longest go first. */
  markIdle(): void;
  /** It has logged in and is not counted any more; does the same as {@link leave}. */
  admit(): void;
  /** It is closed. Does nothing if called again, or after {@link admit}. */
  leave(): void;
}

/** A turn: the permission to shake hands. */
export interface HandshakeTurn {
  /** The handshake is over, whether it succeeded or failed. Does nothing if called again. */
  end(): void;
}

/** The counts of all threads, for {@link Admission}: plain data that can be sent to other threads. */
export interface AdmissionCounts {
  /** One count for each thread, from {@link makeAdmissionCells}. */
  readonly cells: SharedArrayBuffer;
  /** The number of this thread, from 0. */
  readonly index: number;
}

/** Bounds of an {@link Admission}; each has a default. */
export interface AdmissionOptions extends Partial<HandshakeTurnLimits> {
  /** Connections of the whole process that have not logged in. Default 16,384. */
  readonly connectionsBeforeLogin?: number;
  /** Absent if there is only one thread. */
  readonly counts?: AdmissionCounts;
  /** Measures how long clients wait; default: a steady clock. */
  readonly clock?: Clock;
}

/** Makes memory for the counts of so many threads. */
export function makeAdmissionCells(threadCount: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threadCount * Int32Array.BYTES_PER_ELEMENT);
}

/** Sets the count of a thread that has ended to 0. Call it before another thread takes its number. */
export function clearAdmissionCell({ cells, index }: AdmissionCounts): void {
  Atomics.store(new Int32Array(cells), index, 0);
}

/**
 * Bounds what strangers can cost: counts connections by address group from accept until login, and gives out the
 * turns to shake hands. Each thread has one; together they keep the bound of the process.
 *
 * No new connection is refused, and no group has a bound of its own, since a whole office, a balancer or a
 * container's proxy is one address. When the process has as many strangers as it may, the group that has most in this
 * thread makes room: its connection that is idle for longest ends, or if none is idle, the one that waits for longest.
 * Those that the server works for stay, and so does the new one.
 */
export class Admission {
  readonly #maxCount: number;
  readonly #clock: Clock;
  readonly #turns: HandshakeTurns;
  readonly #cells: Int32Array;
  readonly #index: number;
  readonly #groups = new Map<string, StrangerGroup>();
  /** Groups, ranked by how many of their connections can make room. */
  readonly #ranking = new CountRanking<StrangerGroup>();
  readonly #context: EntryContext;

  constructor(options: AdmissionOptions = {}) {
    const { counts, clock = steadyClock, connectionsBeforeLogin, ...turnLimits } = options;
    this.#maxCount = connectionsBeforeLogin ?? admissionLimits.connectionsBeforeLogin;
    this.#clock = clock;
    this.#turns = new HandshakeTurns({ ...admissionLimits, ...turnLimits });
    this.#cells = new Int32Array(counts?.cells ?? makeAdmissionCells(1));
    this.#index = counts?.index ?? 0;
    this.#context = {
      turns: this.#turns,
      clock: this.#clock,
      move: (entry, place) => this.#move(entry, place),
    };
  }

  /** Connections of this thread that have not logged in. */
  get count(): number {
    return Atomics.load(this.#cells, this.#index);
  }

  /** Connections of all threads that have not logged in. */
  get processCount(): number {
    let count = 0;
    for (let index = 0; index < this.#cells.length; index++) {
      count += Atomics.load(this.#cells, index);
    }
    return count;
  }

  /**
   * Counts a connection that was accepted, and makes room for it if necessary.
   *
   * @param address - the client's; all connections without one are one group
   */
  enter(address: string | undefined, visitor: Visitor): AdmissionEntry {
    this.#keepBound();
    const name = addressGroup(address ?? '');
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = new StrangerGroup(name);
      this.#groups.set(name, group);
    }
    const entry = new Entry(this.#context, group, visitor);
    group.count += 1;
    Atomics.add(this.#cells, this.#index, 1);
    this.#move(entry, 'idle');
    return entry;
  }

  /**
   * Ends the connection of this thread that has to make room first, for an owner that has a bound of its own.
   *
   * @returns false if there is none that can
   */
  makeRoom(): boolean {
    const group = this.#ranking.first;
    const entry = group && (group.idle.first ?? group.waiting.first);
    // The server works for all of them. Such work has bounds of its own.
    if (entry === undefined) return false;
    const { visitor } = entry;
    entry.leave();
    visitor.end('room');
    return true;
  }

  /** Makes room while the process is full. A thread with less than an even share leaves that to the others. */
  #keepBound(): void {
    const evenShare = this.#maxCount / this.#cells.length;
    while (this.processCount >= this.#maxCount && this.count >= evenShare) {
      if (!this.makeRoom()) return;
    }
  }

  #move(entry: Entry, place: Place): void {
    const { strangers: group } = entry;
    const before = group.idle.size + group.waiting.size;
    if (entry.place === 'idle') group.idle.remove(entry);
    if (entry.place === 'waiting') group.waiting.remove(entry);
    if (place === 'idle') group.idle.add(entry);
    if (place === 'waiting') group.waiting.add(entry);
    entry.place = place;
    const after = group.idle.size + group.waiting.size;
    if (before !== after) this.#ranking.change(group, before, after);
    if (place !== 'gone') return;
    Atomics.sub(this.#cells, this.#index, 1);
    group.count -= 1;
    if (group.count === 0) this.#groups.delete(group.name);
  }
}

/** What an entry needs from its {@link Admission}. */
interface EntryContext {
  readonly turns: HandshakeTurns;
  readonly clock: Clock;
  move(entry: Entry, place: Place): void;
}

/** What a connection does: `idle` and `waiting` (for its turn) can make room, `busy` cannot, `gone` is not counted. */
type Place = 'idle' | 'waiting' | 'busy' | 'gone';

/** The strangers of one address group. */
class StrangerGroup implements Linked<StrangerGroup> {
  readonly name: string;
  readonly idle = new LinkedList<Entry>();
  readonly waiting = new LinkedList<Entry>();
  count = 0;
  before: StrangerGroup | undefined;
  after: StrangerGroup | undefined;

  constructor(name: string) {
    this.name = name;
  }
}

class Entry implements AdmissionEntry, TurnTaker, Linked<Entry> {
  readonly strangers: StrangerGroup;
  visitor: Visitor;
  place: Place = 'busy';
  before: Entry | undefined;
  after: Entry | undefined;
  readonly #context: EntryContext;
  #onTurn: ((turn: HandshakeTurn | undefined) => void) | undefined;
  #turn: HandshakeTurn | undefined;
  #waitedMs = 0;
  #waitsSince = 0;

  constructor(context: EntryContext, strangers: StrangerGroup, visitor: Visitor) {
    this.#context = context;
    this.strangers = strangers;
    this.visitor = visitor;
  }

  get group(): string {
    return this.strangers.name;
  }

  get waitedMs(): number {
    if (this.#onTurn === undefined) return this.#waitedMs;
    return this.#waitedMs + this.#context.clock() - this.#waitsSince;
  }

  tryHandshakeTurn(): HandshakeTurn | undefined {
    if (this.place === 'gone' || !this.#context.turns.beginNow(this)) return undefined;
    this.#context.move(this, 'busy');
    return this.#makeTurn();
  }

  takeHandshakeTurn(): Promise<HandshakeTurn | undefined> {
    if (this.place === 'gone') return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#onTurn = resolve;
      this.#waitsSince = this.#context.clock();
      this.#context.move(this, 'waiting');
      this.#context.turns.wait(this);
    });
  }

  beginTurn(): void {
    this.#context.move(this, 'busy');
    this.#endWaiting(this.#makeTurn());
  }

  loseTurn(): void {
    this.#turn = undefined;
    this.leave();
    this.visitor.end('slow');
  }

  markBusy(): void {
    if (this.place === 'idle') this.#context.move(this, 'busy');
  }

  markIdle(): void {
    if (this.place === 'busy' && this.#turn === undefined) this.#context.move(this, 'idle');
  }

  admit(): void {
    this.leave();
  }

  leave(): void {
    if (this.place === 'gone') return;
    this.#context.move(this, 'gone');
    if (this.#turn !== undefined || this.#onTurn !== undefined) this.#context.turns.leave(this);
    this.#turn = undefined;
    this.#endWaiting(undefined);
  }

  #makeTurn(): HandshakeTurn {
    const turn = { end: () => this.#endTurn(turn) };
    this.#turn = turn;
    return turn;
  }

  #endTurn(turn: HandshakeTurn): void {
    if (this.#turn !== turn) return;
    this.#turn = undefined;
    this.#context.turns.leave(this);
    this.markIdle();
  }

  #endWaiting(turn: HandshakeTurn | undefined): void {
    if (this.#onTurn === undefined) return;
    this.#waitedMs = this.waitedMs;
    const onTurn = this.#onTurn;
    this.#onTurn = undefined;
    onTurn(turn);
  }
}
