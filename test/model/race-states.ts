import type { SentCommand } from './client-command.ts';
import { changedFlags, type ModelMessage } from './mailbox-model.ts';
import type { FlagText } from './server-responses.ts';

type Change = (flags: FlagText) => FlagText;

/** More changes of one message in one race are not looked at: 2^6 sets of them are enough. */
const maxChanges = 6;

/**
 * The states that messages can have had during a race. Of several orders that fit all answers the model takes
 * one, but a client that is told later (in IDLE, or at its next command) may be told of what was between the
 * changes in another one.
 */
export class RaceStates {
  readonly #changes = new Map<ModelMessage, Change[]>();
  readonly #before = new Map<ModelMessage, FlagText>();

  /** Call it before the commands are put into the model. */
  constructor(bursts: readonly (readonly SentCommand[])[]) {
    if (bursts.length < 2) return;
    for (const sent of bursts.flat()) {
      const change = changeOf(sent);
      if (change === undefined || !('named' in sent.action)) continue;
      for (const { uid } of sent.action.named ?? []) {
        const message = sent.mirror?.mailbox?.messages.get(uid ?? 0);
        if (message !== undefined) this.#add(message, change);
      }
    }
  }

  /** Call it when the model has the state after the race. */
  keep(): void {
    for (const [message, changes] of this.#changes) {
      if (changes.length < 2) continue;
      const before = this.#before.get(message)!;
      message.keepBetween(reachable(before, changes.slice(0, maxChanges)));
    }
  }

  #add(message: ModelMessage, change: Change): void {
    const changes = this.#changes.get(message);
    if (changes === undefined) this.#changes.set(message, [change]);
    else changes.push(change);
    this.#before.set(message, message.flags);
  }
}

function changeOf({ action, mirror }: SentCommand): Change | undefined {
  if (mirror?.isReadOnly === true) return undefined;
  if (action.kind === 'store') return (flags) => changedFlags(flags, action.mode, action.flags);
  if (action.kind !== 'fetch' || !action.setsSeen) return undefined;
  return (flags) => changedFlags(flags, 'add', ['\\Seen']);
}

/** All flags that some of the changes give in some order. */
function reachable(before: FlagText, changes: readonly Change[]): ReadonlySet<FlagText> {
  const bySet: Set<FlagText>[] = [new Set([before])];
  const all = new Set<FlagText>();
  for (let done = 1; done < 1 << changes.length; done++) {
    const found = new Set<FlagText>();
    for (const [index, change] of changes.entries()) {
      if ((done & (1 << index)) === 0) continue;
      for (const flags of bySet[done & ~(1 << index)]!) found.add(change(flags));
    }
    for (const flags of found) all.add(flags);
    bySet.push(found);
  }
  return all;
}
