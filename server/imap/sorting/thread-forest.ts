import type { Turn } from '../../../store/turns.ts';

/**
 * Threads of messages. Nodes are numbers: messages count from 1 up in the order of their numbers in the mailbox, and nodes behind
 * them stand for messages that are not there. Node 0 is above all threads.
 */
export interface ThreadForest {
  readonly messageCount: number;
  /** By node: the first of those below it, and the next beside it; 0 for none. */
  readonly firstChildren: Int32Array;
  readonly nextSiblings: Int32Array;
}

/**
 * Puts messages below their parents.
 *
 * @param parents - by node; 0 for one that begins a thread. Only messages are put below a node that stands for none, at least one
 *   each, and such a node begins a thread.
 * @param order - places of messages (their nodes less 1) in the order that siblings come in. A node that stands for no message
 *   comes where the first below it would.
 */
export async function makeForest(
  parents: Int32Array,
  order: Uint32Array,
  turn: Turn,
): Promise<ThreadForest> {
  const firstChildren = new Int32Array(parents.length);
  const nextSiblings = new Int32Array(parents.length);
  const lastChildren = new Int32Array(parents.length);
  const messageCount = order.length;
  const append = (parent: number, node: number) => {
    const last = lastChildren[parent]!;
    if (last === 0) firstChildren[parent] = node;
    else nextSiblings[last] = node;
    lastChildren[parent] = node;
  };
  for (const place of order) {
    if (turn.look()) await turn.next();
    const parent = parents[place + 1]!;
    if (parent > messageCount && lastChildren[parent] === 0) append(0, parent);
    append(parent, place + 1);
  }
  return { messageCount, firstChildren, nextSiblings };
}

/**
 * Messages with the same base subject, the first that was sent above the others.
 *
 * @param subjects - numbers of the base subjects, by place
 * @param order - places by the date that they were sent
 * @see RFC 5256, section 3 (ORDEREDSUBJECT)
 */
export async function threadBySubject(
  subjects: Float64Array,
  order: Uint32Array,
  turn: Turn,
): Promise<ThreadForest> {
  const parents = new Int32Array(order.length + 1);
  const firstOf = new Map<number, number>();
  for (const place of order) {
    if (turn.look()) await turn.next();
    const subject = subjects[place]!;
    const first = firstOf.get(subject);
    if (first === undefined) firstOf.set(subject, place + 1);
    else parents[place + 1] = first;
  }
  return makeForest(parents, order, turn);
}
