import { hierarchySeparator, matchesMailboxPattern } from '../../../protocol/mailbox-name.ts';
import type { CommandHandler } from '../dispatch.ts';
import { isRemote } from '../remote-mailboxes.ts';

/**
 * Names that are subscribed and match; where `%` stops at a level whose subscribed children do not match,
 * the level itself as \Noselect. @see RFC 3501, section 6.3.9; RFC 2193, section 5.2 (RLSUB)
 */
export const listSubscribed: CommandHandler<'LSUB' | 'RLSUB'> = async (session, command) => {
  const { name: commandName, reference, pattern } = command;
  const { out } = session;
  const fullPattern = reference + pattern;
  const subscriptions = await session.store.listSubscriptions(session.accountId);
  const names = subscriptions.filter((name) => commandName === 'RLSUB' || !isRemote(session, name));
  const existing = await session.store.listMailboxes(session.accountId);
  const unselectable = new Set(existing.filter((box) => !box.isSelectable).map((box) => box.name));
  const isPlain = new Map<string, boolean>();
  for (const name of names) {
    if (matchesMailboxPattern(name, fullPattern)) isPlain.set(name, !unselectable.has(name));
    else if (pattern.endsWith('%')) {
      const parent = parentsOf(name).find((level) => matchesMailboxPattern(level, fullPattern));
      if (parent !== undefined && !isPlain.has(parent)) isPlain.set(parent, false);
    }
  }
  for (const [name, isSubscribed] of isPlain) {
    out
      .begin()
      .atom('LSUB')
      .flags(isSubscribed ? [] : ['\\Noselect']);
    out.string(hierarchySeparator).mailbox(name).end();
    if (out.isFull) await out.ready();
  }
  return { text: `${commandName} completed` };
};

/** The levels above a name, the nearest first. */
function parentsOf(name: string): string[] {
  const levels = name.split('/');
  return levels.slice(1).map((_, index) => levels.slice(0, levels.length - 1 - index).join('/'));
}
