import { hierarchySeparator, matchesMailboxPattern } from '../../../protocol/mailbox-name.ts';
import type { Mailbox } from '../../../store/mail-store.ts';
import type { CommandHandler } from '../dispatch.ts';
import type { Session } from '../session.ts';

/** @see RFC 3501, section 6.3.8; RFC 3348 (children); RFC 6154 (special use) */
export const list: CommandHandler<'LIST'> = async (session, { reference, pattern }) => {
  const { out } = session;
  if (pattern === '') {
    out.begin().atom('LIST').flags(['\\Noselect']).string(hierarchySeparator).string('').end();
    return { text: 'LIST completed' };
  }
  const fullPattern = reference + pattern;
  for (const mailbox of await session.store.listMailboxes(session.accountId)) {
    if (!matchesMailboxPattern(mailbox.name, fullPattern)) continue;
    out.begin().atom('LIST').flags(attributesOf(session, mailbox)).string(hierarchySeparator);
    out.mailbox(mailbox.name).end();
    if (out.isFull) await out.ready();
  }
  return { text: 'LIST completed' };
};

function attributesOf(
  session: Session,
  { isSelectable, hasChildren, specialUse }: Mailbox,
): readonly string[] {
  const attributes = isSelectable ? [] : ['\\Noselect'];
  if (!session.isOff('CHILDREN')) {
    attributes.push(hasChildren ? '\\HasChildren' : '\\HasNoChildren');
  }
  if (specialUse !== undefined && !session.isOff('SPECIAL-USE')) attributes.push(specialUse);
  return attributes;
}
