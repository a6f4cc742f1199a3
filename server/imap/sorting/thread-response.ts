import { Turn } from '../../../store/turns.ts';
import type { Responses } from '../responses.ts';
import type { ThreadForest } from './thread-forest.ts';

/**
 * Writes a THREAD response: a message and its only child stand side by side, several children each in a list of its own.
 *
 * @param numbers - of the messages, by their node less 1
 * @see RFC 5256, section 4 (THREAD)
 */
export async function writeThreads(
  out: Responses,
  { messageCount, firstChildren, nextSiblings }: ThreadForest,
  numbers: Uint32Array,
): Promise<void> {
  const turn = new Turn(out);
  // Where it goes on behind a list, from the outermost list inwards; 0 where that list ends too. Threads can be very deep.
  const pending: number[] = [];
  let node = firstChildren[0]!;
  out.begin().atom('THREAD');
  while (node !== 0) {
    if (turn.look()) await turn.next();
    out.open();
    pending.push(nextSiblings[node]!);
    if (node <= messageCount) out.number(numbers[node - 1]!);
    let child = firstChildren[node]!;
    // Ends with the children: each is written once.
    while (child !== 0 && nextSiblings[child] === 0) {
      if (turn.look()) await turn.next();
      out.number(numbers[child - 1]!);
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
