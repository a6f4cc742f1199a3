import { addressGroup } from '../address-group.ts';
import { type Clock, steadyClock } from '../time.ts';
import { CountRanking } from './ranking.ts';
import { type HandshakeTurnLimits, HandshakeTurns, type TurnTaker } from './handshake-turns.ts';
import { admissionLimits } from '../limits.ts';
import { type Linked, LinkedList } from './ranking.ts';

/**
 * Why a stranger's connection has to end:
 *
 * - `room`: the process has as many as it may, and most are of its address group
 * - `slow`: there are too many slow handshakes, and most are of its address group
 * - `late`: it has not logged in within the time that its owner gives it; only owners say so
 */
export type AdmissionEndReason = 'room' | 'slow' | 'late';

/** Who owns a stranger's socket at this time. */
export interface Visitor {
  /** Ends the connection, which does not count any more. */
  end(reason: AdmissionEndReason): void;
}

/** A stranger's connection, as {@link Admission} counts it from accept until login or close. */
export interface AdmissionEntry {
  /** Its IPv4 address, or the /64 of its IPv6 address. */
  readonly group: string;
  /** Who ends it if it must. Whoever takes the socket over puts itself here, and its predecessor back at the end. */
  visitor: Visitor;
  /** How long the server has made it wait for its turn so far, in milliseconds: no deadline should count that. */
  readonly waitedMs: number;
  /**
   * Begins to shake hands if nobody else waits for a turn; asked for when its ClientHello is there.
   *
   * @returns the turn, which its owner ends with the handshake; undefined if it has to wait, or has left
   */
  tryHandshakeTurn(): HandshakeTurn | undefined;
  /**
   * Waits until it may shake hands; asked for when its ClientHello is there. Never rejects.
   *
   * @returns the turn, which its owner ends with the handshake; undefined if the connection has left or must end
   */
  takeHandshakeTurn(): Promise<HandshakeTurn | undefined>;
  /** The server works for it: it does not have to make room. */
  markBusy(): void;
  /** The server waits for the client: it may have to make room, those first that are idle for longest. */
  markIdle(): void;
  /** It has logged in and does not count any more; like {@link leave}. */
  admit(): void;
  /** It is closed. Harmless when called again, and after {@link admit}. */
  leave(): void;
}

/** Leave to shake hands. */
export interface HandshakeTurn {
  /** The handshake is over, well or not; harmless when called again. */
  end(): void;
}

/** Counts of all threads, for {@link Admission}: plain data that goes to other threads as it is. */
export interface AdmissionCounts {
  /** One count a thread, see {@link makeAdmissionCells}. */
  readonly cells: SharedArrayBuffer;
  /** The number of this thread, from 0. */
  readonly index: number;
}

/** Bounds of an {@link Admission}; each has a default. */
export interface AdmissionOptions extends Partial<HandshakeTurnLimits> {
  /** Connections of the whole process that have not logged in. Default 16,384. */
  readonly connectionsBeforeLogin?: number;
  /** Absent: there is one thread. */
  readonly counts?: AdmissionCounts;
  /** For the time that clients wait; default: a steady clock. */
  readonly clock?: Clock;
}

/** Memory for the counts of so many threads. */
export function makeAdmissionCells(threadCount: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threadCount * Int32Array.BYTES_PER_ELEMENT);
}

/** Forgets the count of a thread that has ended; called before another takes its number. */
export function clearAdmissionCell({ cells, index }: AdmissionCounts): void {
  Atomics.store(new Int32Array(cells), index, 0);
}

/**
 * What strangers may cost: counts connections by address group from accept until login, and gives the turns to
 * shake hands. Each thread has one; together they keep to the bound of the process.
 *
 * Nobody is turned away for coming: there is no bound for a group, since a whole office, a balancer or a
 * container's proxy is one address. When the process has as many as it may, the group that has most here makes
 * room with the connection that is idle for longest, or else waits for longest. Those that the server works for
 * stay, and so does the newcomer.
 */
export class Admission {
  readonly #maxCount: number;
  readonly #clock: Clock;
  readonly #turns: HandshakeTurns;
  readonly #cells: Int32Array;
  readonly #index: number;
  readonly #groups = new Map<string, StrangerGroup>();
  /** By the connections of each that can make room. */
  readonly #ranking = new CountRanking<StrangerGroup>();
  readonly #desk: EntryDesk;

  constructor(options: AdmissionOptions = {}) {
    const { counts, clock = steadyClock, connectionsBeforeLogin, ...turnLimits } = options;
    this.#maxCount = connectionsBeforeLogin ?? admissionLimits.connectionsBeforeLogin;
    this.#clock = clock;
    this.#turns = new HandshakeTurns({ ...admissionLimits, ...turnLimits });
    this.#cells = new Int32Array(counts?.cells ?? makeAdmissionCells(1));
    this.#index = counts?.index ?? 0;
    this.#desk = {
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
   * Counts a connection that was accepted, and makes room for it if need be.
   *
   * @param address - of the client; absent: it stands for itself, with all others that have none
   */
  enter(address: string | undefined, visitor: Visitor): AdmissionEntry {
    this.#keepBound();
    const name = addressGroup(address ?? '');
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = new StrangerGroup(name);
      this.#groups.set(name, group);
    }
    const entry = new Entry(this.#desk, group, visitor);
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
    // The server works for all of them, which has its own bounds.
    if (entry === undefined) return false;
    const { visitor } = entry;
    entry.leave();
    visitor.end('room');
    return true;
  }

  /** A thread that has less than an even share of all leaves it to the others to make room. */
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

/** What an entry needs of its {@link Admission}. */
interface EntryDesk {
  readonly turns: HandshakeTurns;
  readonly clock: Clock;
  move(entry: Entry, place: Place): void;
}

/** Where a connection is: idle or waiting for its turn, so that it can make room; busy; or not counted any more. */
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
  readonly #desk: EntryDesk;
  #onTurn: ((turn: HandshakeTurn | undefined) => void) | undefined;
  #turn: HandshakeTurn | undefined;
  #waitedMs = 0;
  #waitsSince = 0;

  constructor(desk: EntryDesk, strangers: StrangerGroup, visitor: Visitor) {
    this.#desk = desk;
    this.strangers = strangers;
    this.visitor = visitor;
  }

  get group(): string {
    return this.strangers.name;
  }

  get waitedMs(): number {
    if (this.#onTurn === undefined) return this.#waitedMs;
    return this.#waitedMs + this.#desk.clock() - this.#waitsSince;
  }

  tryHandshakeTurn(): HandshakeTurn | undefined {
    if (this.place === 'gone' || !this.#desk.turns.beginNow(this)) return undefined;
    this.#desk.move(this, 'busy');
    return this.#makeTurn();
  }

  takeHandshakeTurn(): Promise<HandshakeTurn | undefined> {
    if (this.place === 'gone') return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#onTurn = resolve;
      this.#waitsSince = this.#desk.clock();
      this.#desk.move(this, 'waiting');
      this.#desk.turns.wait(this);
    });
  }

  beginTurn(): void {
    this.#desk.move(this, 'busy');
    this.#endWaiting(this.#makeTurn());
  }

  loseTurn(): void {
    this.#turn = undefined;
    this.leave();
    this.visitor.end('slow');
  }

  markBusy(): void {
    if (this.place === 'idle') this.#desk.move(this, 'busy');
  }

  markIdle(): void {
    if (this.place === 'busy' && this.#turn === undefined) this.#desk.move(this, 'idle');
  }

  admit(): void {
    this.leave();
  }

  leave(): void {
    if (this.place === 'gone') return;
    this.#desk.move(this, 'gone');
    if (this.#turn !== undefined || this.#onTurn !== undefined) this.#desk.turns.leave(this);
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
    this.#desk.turns.leave(this);
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
