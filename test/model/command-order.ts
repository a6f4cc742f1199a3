import type { SentCommand } from './client-command.ts';

/**
 * All orders in which a server can have carried out the bursts of a step, as indexes of bursts: one for each
 * command. Of orders that differ only in neighbours that do not touch each other, one is given.
 *
 * @param enter does a command; false if it can't have come at this point, and what follows is left out
 * @param leave undoes it
 * @param end called at the end of each order; true ends the search
 */
export function searchOrders(
  bursts: readonly (readonly SentCommand[])[],
  visit: {
    readonly enter: (burst: number, command: number) => boolean;
    readonly leave: () => void;
    readonly end: () => boolean;
  },
): boolean {
  const at = bursts.map(() => 0);
  const extend = (last: number): boolean => {
    if (bursts.every((burst, index) => at[index] === burst.length)) return visit.end();
    for (const [index, burst] of bursts.entries()) {
      const command = burst[at[index]!];
      if (command === undefined) continue;
      const previous = bursts[last]?.[at[last]! - 1];
      if (previous !== undefined && index < last && !areDependent(previous, command)) continue;
      const isPossible = visit.enter(index, at[index]!);
      at[index]! += 1;
      if (isPossible && extend(index)) return true;
      at[index]! -= 1;
      visit.leave();
    }
    return false;
  };
  return extend(-1);
}

/** Whether it can matter which of two commands of different sessions came first. */
function areDependent(a: SentCommand, b: SentCommand): boolean {
  const first = footprint(a);
  const second = footprint(b);
  if (first === undefined || second === undefined) return false;
  if (first.isNaming || second.isNaming) return true;
  if (!first.mailboxes.some((name) => second.mailboxes.includes(name))) return false;
  if (first.uids === undefined || second.uids === undefined)
    return !(first.isAppend && second.uids);
  return first.uids.some((uid) => second.uids!.includes(uid));
}

interface Footprint {
  /** Creates, deletes, renames: everything depends on it. */
  readonly isNaming?: boolean;
  readonly isAppend?: boolean;
  readonly mailboxes: readonly string[];
  /** If only the flags of these messages change. */
  readonly uids?: readonly (number | undefined)[];
}

/** What a command changes, or finds by its name; undefined for nothing. */
function footprint({ action, mirror }: SentCommand): Footprint | undefined {
  const own = mirror?.mailbox === undefined ? [] : [mirror.mailbox.name];
  switch (action.kind) {
    case 'store':
      return { mailboxes: own, uids: action.named.map(({ uid }) => uid) };
    case 'fetch':
      if (!action.setsSeen) return undefined;
      return { mailboxes: own, uids: action.named.map(({ uid }) => uid) };
    case 'append':
      return { mailboxes: [action.target], isAppend: true };
    case 'copy':
    case 'move':
      return { mailboxes: [...own, action.target] };
    case 'expunge':
    case 'close':
      return { mailboxes: own };
    case 'select':
    case 'status':
      return { mailboxes: [action.name] };
    case 'create':
    case 'delete':
    case 'rename':
      return { mailboxes: [], isNaming: true };
    default:
      return undefined;
  }
}
