import type { Turn } from '../../../store/turns.ts';
import type { LinkColumns } from './message-links.ts';
import { makeForest, type ThreadForest } from './thread-forest.ts';
import { orderPlaces } from './stable-order.ts';

/*
 * Nodes are numbers: 0 is none, messages count from 1 up (their place and 1), and dummies stand behind them for messages that are
 * referred to and not there. Parents are kept by node. Children are not: siblings come in order by themselves when messages are
 * put below their parents in the order of their dates, which is how `makeForest` does it, so that steps 4 and 6 of the RFC need no
 * sorting of their own.
 */

/** Ancestors that are looked at for a loop; a thread that is deeper is one that somebody has made up, and is cut there. */
const maxLookedAt = 4096;

/** Ancestors that take as long to look at as a message. */
const ancestorsOfLook = 32;

/** What messages are threaded by, by place. */
export interface ThreadedMessages {
  readonly links: LinkColumns;
  /** Places by the date that they were sent, and by number where that is the same. */
  readonly order: Uint32Array;
}

/**
 * Threads by references, and by subjects where references are missing.
 *
 * @param subjects - numbers of the base subjects, by place; 0 for an empty one
 * @see RFC 5256, section 3 (REFERENCES)
 */
export async function threadByReferences(
  messages: ThreadedMessages,
  subjects: Float64Array,
  turn: Turn,
): Promise<ThreadForest> {
  const parents = await linkParents(messages, turn);
  const merged = await mergeSubjects(parents, messages, subjects, turn);
  return makeForest(merged, messages.order, turn);
}

/**
 * Threads by references alone; the thread with the newest message comes last.
 *
 * @param arrivals - internal dates, by place
 * @see draft-ietf-morg-inthread (REFS)
 */
export async function threadByLinks(
  messages: ThreadedMessages,
  arrivals: Float64Array,
  turn: Turn,
): Promise<ThreadForest> {
  const parents = await linkParents(messages, turn);
  const newest = new Float64Array(parents.length).fill(-Infinity);
  const tops = new Int32Array(parents.length);
  for (const place of messages.order) {
    if (turn.look()) await turn.next();
    const top = findTop(parents, tops, place + 1);
    newest[top] = Math.max(newest[top]!, arrivals[place]!);
  }
  const forest = await makeForest(parents, messages.order, turn);
  return sortThreads(forest, newest, turn);
}

/** The node at the top of a thread, which is kept in `tops` for all on the way. */
function findTop(parents: Int32Array, tops: Int32Array, node: number): number {
  let top = node;
  while (parents[top] !== 0 && tops[top] === 0) top = parents[top]!;
  if (tops[top] !== 0) top = tops[top]!;
  for (let each = node; each !== top && tops[each] === 0; each = parents[each]!) tops[each] = top;
  return top;
}

async function sortThreads(
  { messageCount, firstChildren, nextSiblings }: ThreadForest,
  values: Float64Array,
  turn: Turn,
): Promise<ThreadForest> {
  const threads: number[] = [];
  for (let node = firstChildren[0]!; node !== 0; node = nextSiblings[node]!) threads.push(node);
  const compare = (node: number, other: number) => values[node]! - values[other]!;
  const sorted = await orderPlaces(Uint32Array.from(threads), compare, turn);
  for (const [index, node] of sorted.entries()) nextSiblings[node] = sorted[index + 1] ?? 0;
  firstChildren[0] = sorted[0] ?? 0;
  return { messageCount, firstChildren, nextSiblings };
}

/**
 * Steps 1 to 3: parents by node, 0 at the top. Dummies are left only at the top, with at least two children, which are
 * messages.
 */
async function linkParents({ links, order }: ThreadedMessages, turn: Turn): Promise<Int32Array> {
  const linker = new Linker(links, order.length, turn);
  await linker.link();
  return linker.prune();
}

class Linker {
  readonly #links: LinkColumns;
  readonly #messageCount: number;
  readonly #turn: Turn;
  /** By number of a Message-ID: the message that has it, or the dummy. */
  readonly #nodes: Int32Array;
  #nodeCount: number;
  readonly #parents: Int32Array;
  /** Children of a node, whose loops need be looked for only if there are any. */
  readonly #childCounts: Int32Array;

  constructor(links: LinkColumns, messageCount: number, turn: Turn) {
    this.#links = links;
    this.#messageCount = messageCount;
    this.#turn = turn;
    this.#nodes = new Int32Array(links.idCount + 1);
    this.#nodeCount = messageCount;
    this.#parents = new Int32Array(messageCount + links.idCount + 1);
    this.#childCounts = new Int32Array(this.#parents.length);
  }

  /** Step 1. */
  async link(): Promise<void> {
    const { ids, references, referencesAt } = this.#links;
    // Of several messages with one id it is that of the first; the others are as if they had none.
    for (let place = 0; place < this.#messageCount; place++) {
      if (this.#turn.look()) await this.#turn.next();
      const id = ids[place]!;
      if (id !== 0 && this.#nodes[id] === 0) this.#nodes[id] = place + 1;
    }
    for (let place = 0; place < this.#messageCount; place++) {
      if (this.#turn.look()) await this.#turn.next();
      let last = 0;
      for (const id of referencesAt(references[place]!)) {
        if (this.#turn.look()) await this.#turn.next();
        const node = this.#nodeOf(id);
        if (last !== 0 && this.#parents[node] === 0) this.#putBelow(node, last);
        last = node;
      }
      const node = place + 1;
      if (this.#parents[node] === last) continue;
      this.#takeOut(node);
      if (last !== 0) this.#putBelow(node, last);
    }
  }

  /** Steps 2 and 3. */
  async prune(): Promise<Int32Array> {
    const parents = this.#parents;
    const messageCount = this.#messageCount;
    // Of each dummy: where its children go, a message or the dummy at the top.
    const places = new Int32Array(this.#nodeCount + 1);
    const kept = new Int32Array(this.#nodeCount + 1);
    const childCounts = new Int32Array(this.#nodeCount + 1);
    for (let node = 1; node <= messageCount; node++) {
      if (this.#turn.look()) await this.#turn.next();
      const parent = this.#findKept(parents[node]!, places);
      kept[node] = parent;
      childCounts[parent]! += 1;
    }
    for (let node = 1; node <= messageCount; node++) {
      const parent = kept[node]!;
      // Children of a dummy at the top take its place only if there is one alone.
      if (parent > messageCount && childCounts[parent] === 1) kept[node] = 0;
    }
    return kept;
  }

  /** The nearest message from a node up; the dummy at the top if there is none. */
  #findKept(node: number, places: Int32Array): number {
    const parents = this.#parents;
    let found = node;
    while (found > this.#messageCount && parents[found] !== 0 && places[found] === 0) {
      found = parents[found]!;
    }
    if (places[found] !== 0) found = places[found]!;
    for (let each = node; each !== found && places[each] === 0; each = parents[each]!) {
      places[each] = found;
    }
    return found;
  }

  #nodeOf(id: number): number {
    const node = this.#nodes[id]!;
    if (node !== 0) return node;
    this.#nodeCount += 1;
    this.#nodes[id] = this.#nodeCount;
    return this.#nodeCount;
  }

  #takeOut(node: number): void {
    const parent = this.#parents[node]!;
    if (parent === 0) return;
    this.#childCounts[parent]! -= 1;
    this.#parents[node] = 0;
  }

  /** Puts a node that has no parent below another, unless that is below it. */
  #putBelow(node: number, parent: number): void {
    if (parent === node) return;
    if (this.#childCounts[node]! > 0 && this.#isBelow(parent, node)) return;
    this.#parents[node] = parent;
    this.#childCounts[parent]! += 1;
  }

  /** Also true if that cannot be said within reason. */
  #isBelow(node: number, ancestor: number): boolean {
    let each = this.#parents[node]!;
    for (let count = 1; each !== 0 && each !== ancestor; count++) {
      if (count > maxLookedAt) return true;
      if (count % ancestorsOfLook === 0) this.#turn.look();
      each = this.#parents[each]!;
    }
    return each === ancestor;
  }
}

/** Step 5: threads with the same subject become one. Returns the parents, with dummies behind those that there are. */
async function mergeSubjects(
  parents: Int32Array,
  { links, order }: ThreadedMessages,
  subjects: Float64Array,
  turn: Turn,
): Promise<Int32Array> {
  const threads = await listThreads(parents, { links, order }, subjects, turn);
  const table = await makeSubjectTable(threads, turn);
  const merged = new Int32Array(parents.length + threads.length);
  merged.set(parents);
  let nodeCount = parents.length - 1;
  /** By dummy: the one that takes its children. */
  const replaced = new Map<number, number>();
  for (const thread of threads) {
    if (turn.look()) await turn.next();
    const known = table.get(thread.subject);
    if (known === undefined || known.node === thread.node) continue;
    if (known.isDummy) {
      if (thread.isDummy) replaced.set(thread.node, known.node);
      else merged[thread.node] = known.node;
    } else if (thread.isReply && !known.isReply) {
      merged[thread.node] = known.node;
    } else {
      nodeCount += 1;
      merged[thread.node] = nodeCount;
      merged[known.node] = nodeCount;
      table.set(thread.subject, { ...known, node: nodeCount, isDummy: true });
    }
  }
  for (let node = 1; node <= order.length; node++) {
    if (turn.look()) await turn.next();
    merged[node] = replaced.get(merged[node]!) ?? merged[node]!;
  }
  return merged;
}

/** A thread, as the subject table has it. */
interface Thread {
  /** At the top. */
  readonly node: number;
  readonly isDummy: boolean;
  /** Number of the base subject of the message at the top; below a dummy that of its first child. */
  readonly subject: number;
  /** True if that message is a reply, or is forwarded. */
  readonly isReply: boolean;
}

/** Threads by the date of the message at the top, or of the first child of a dummy (step 4). */
async function listThreads(
  parents: Int32Array,
  { links, order }: ThreadedMessages,
  subjects: Float64Array,
  turn: Turn,
): Promise<Thread[]> {
  const threads: Thread[] = [];
  const isListed = new Uint8Array(parents.length);
  for (const place of order) {
    if (turn.look()) await turn.next();
    const parent = parents[place + 1]!;
    const isDummy = parent > order.length;
    if (parent !== 0 && (!isDummy || isListed[parent] === 1)) continue;
    isListed[parent] = 1;
    threads.push({
      node: isDummy ? parent : place + 1,
      isDummy,
      subject: subjects[place]!,
      isReply: links.isReplyOrForward[place] === 1,
    });
  }
  return threads;
}

/** By number of a base subject the thread with which others are merged (steps 5A and 5B); none for empty subjects. */
async function makeSubjectTable(
  threads: readonly Thread[],
  turn: Turn,
): Promise<Map<number, Thread>> {
  const table = new Map<number, Thread>();
  for (const thread of threads) {
    if (turn.look()) await turn.next();
    if (thread.subject === 0) continue;
    const known = table.get(thread.subject);
    const isBetter =
      known === undefined ||
      (!known.isDummy && (thread.isDummy || (known.isReply && !thread.isReply)));
    if (isBetter) table.set(thread.subject, thread);
  }
  return table;
}
