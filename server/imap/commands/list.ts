import { matchesMailboxPattern } from '../../../protocol/mailbox-name.ts';
import { encodeMailboxName } from '../../../protocol/wire-text.ts';
import type { Mailbox } from '../../../store/mail-store.ts';
import type { CommandHandler } from '../command-handler.ts';

/** @see RFC 3501, section 6.3.8; RFC 3348 (children); RFC 6154 (special use) */
export const list: CommandHandler<'LIST'> = async (session, { reference, pattern }) => {
  if (pattern === '') {
    session.out.untagged('LIST (\\Noselect) "/" ""');
    return { text: 'LIST completed' };
  }
  const fullPattern = reference + pattern;
  for (const mailbox of await session.store.listMailboxes(session.accountId)) {
    if (!matchesMailboxPattern(mailbox.name, fullPattern)) continue;
    session.out.untagged(
      `LIST (${attributesOf(mailbox).join(' ')}) "/" ${encodeMailboxName(mailbox.name)}`,
    );
    if (session.out.isFull) await session.out.ready();
  }
  return { text: 'LIST completed' };
};

function attributesOf({ isSelectable, hasChildren, specialUse }: Mailbox): string[] {
  return [
    ...(isSelectable ? [] : ['\\Noselect']),
    hasChildren ? '\\HasChildren' : '\\HasNoChildren',
    ...(specialUse === undefined ? [] : [specialUse]),
  ];
}
