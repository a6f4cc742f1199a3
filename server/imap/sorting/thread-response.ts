import { Turn } from '../../../store/turns.ts';
import type { Session } from '../session.ts';
import type { ThreadForest } from './thread-forest.ts';

/**
 * Writes a THREAD response: a message and its only child stand side by side, several children each in a list of its own.
 *
 * @param uids - of the messages, by their node less 1
 * @param isUid - false if the answer has message sequence numbers
 * @see RFC 5256, section 4 (THREAD)
 */
export async function writeThreads(
  { out, view }: Session,
  { messageCount, firstChildren, nextSiblings }: ThreadForest,
  uids: Uint32Array,
  isUid: boolean,
): Promise<void> {
  const turn = new Turn(out);
  const numberOf = (node: number): number => {
    const uid = uids[node - 1]!;
    // It is most likely where it is among those that were threaded. The client knows of it, so it has a number.
    return isUid ? uid : view.numberOf(uid, node)!;
  };
  // Where it goes on behind a list, from the outermost list inwards; 0 where that list ends too. Threads can be very deep.
  const pending: number[] = [];
  let node = firstChildren[0]!;
  out.begin().atom('THREAD');
  while (node !== 0) {
    if (turn.look()) await turn.next();
    out.open();
    pending.push(nextSiblings[node]!);
    if (node <= messageCount) out.number(numberOf(node));
    let child = firstChildren[node]!;
    // Ends with the children: each is written once.
    while (child !== 0 && nextSiblings[child] === 0) {
      if (turn.look()) await turn.next();
      out.number(numberOf(child));
      child = firstChildren[child]!;
    }
    node = child;
    while (node === 0 && pending.length > 0) {
      if (turn.look()) await turn.next();
      out.closeThread();
      node = pending.pop()!;
    }
  }
  out.end();
}
