import { hierarchySeparator, matchesMailboxPattern } from '../../../protocol/mailbox-name.ts';
import type { CommandHandler } from '../dispatch.ts';

/**
 * Names that are subscribed and match; where `%` stops at a level whose subscribed children do not match,
 * the level itself as \Noselect. @see RFC 3501, section 6.3.9
 */
export const listSubscribed: CommandHandler<'LSUB'> = async (session, { reference, pattern }) => {
  const { out } = session;
  const fullPattern = reference + pattern;
  const names = await session.store.listSubscriptions(session.accountId);
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
  return { text: 'LSUB completed' };
};

/** The levels above a name, the nearest first. */
function parentsOf(name: string): string[] {
  const levels = name.split('/');
  return levels.slice(1).map((_, index) => levels.slice(0, levels.length - 1 - index).join('/'));
}
