import type { Criterion } from './client-command.ts';
import type { ClientMirror, MirrorEntry } from './client-mirror.ts';
import { isMatch } from './fact-check.ts';
import type { ModelMailbox, ModelMessage } from './mailbox-model.ts';
import type { MirrorContext } from './mirror-contexts.ts';
import type { Problem } from './rules.ts';

/**
 * Whether what a client makes of the updates that it was told is what one finds that searches; it knows all messages, and has been
 * told all there is.
 */
export function compareContexts(mirror: ClientMirror, mailbox: ModelMailbox): Problem[] {
  return [...mirror.contexts.all].flatMap(([tag, context]) => {
    const difference = findDifference(context, mirror, mailbox);
    if (difference === undefined) return [];
    return [{ rule: 'context-wrong', detail: `${mailbox.name}: ${tag}: ${difference}` }];
  });
}

function findDifference(
  context: MirrorContext,
  { entries }: ClientMirror,
  mailbox: ModelMailbox,
): string | undefined {
  const results = context.results.map((result) =>
    typeof result === 'number' ? result : result.uid,
  );
  const found = new Set(results);
  for (const entry of entries) {
    const message = mailbox.messages.get(entry.uid ?? 0);
    if (message === undefined) return undefined;
    const matches = isMember(context, context.search.criterion, entry, message);
    if (matches === undefined || matches === found.has(message.uid)) continue;
    return `UID ${message.uid} (${message.flags}) is ${matches ? 'not ' : ''}among the results`;
  }
  const unknown = results.find((uid) => !entries.some((entry) => entry.uid === uid));
  if (unknown !== undefined) return `UID ${unknown} is among the results, and gone`;
  return findDisorder(context, results as number[], mailbox);
}

/** Whether a message belongs to the results; undefined if that is not known. */
function isMember(
  context: MirrorContext,
  criterion: Criterion,
  entry: MirrorEntry,
  message: ModelMessage,
): boolean | undefined {
  const { state, uid } = message;
  // Numbers stand for the messages that had them.
  return isMatch(criterion, {
    state,
    uid,
    hasNumber: (set) => context.numbered.get(set)!.has(entry),
  });
}

function findDisorder(
  { search }: MirrorContext,
  uids: readonly number[],
  mailbox: ModelMailbox,
): string | undefined {
  if (search.order === undefined) return undefined;
  const keys = uids.map((uid) => mailbox.messages.get(uid)!.body.toUpperCase());
  // Of a message that was found in the mailbox the model does not know the text.
  if (keys.includes('')) return undefined;
  const sign = search.order === 'SUBJECT' ? 1 : -1;
  for (let index = 1; index < uids.length; index++) {
    const [before, after] = [keys[index - 1]!, keys[index]!];
    const isLess = sign > 0 ? before < after : before > after;
    if (isLess || (before === after && uids[index - 1]! < uids[index]!)) continue;
    return `UIDs ${uids.join(' ')} are not in the order of their subjects`;
  }
  return undefined;
}
