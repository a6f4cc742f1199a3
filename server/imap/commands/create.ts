import { findSpecialUse, type SpecialUse } from '../../../protocol/special-use.ts';
import type { CommandHandler } from '../dispatch.ts';
import { mailboxIdOf } from '../mailbox-id.ts';
import { CommandRefusedError } from '../responses.ts';
import { tellNormalizedName } from './tell-name.ts';

/**
 * @see RFC 3501, section 6.3.3; RFC 6154, section 3 (special use); RFC 9051, section 6.3.4; RFC 8474, section 4.1 (MAILBOXID)
 */
export const createMailbox: CommandHandler<'CREATE'> = async (session, command) => {
  const { mailboxName, oldName, specialUses = [] } = command;
  const uses = new Set(specialUses.map(expectSpecialUse));
  const mailbox = await session.omitOwn([mailboxName], () =>
    session.store.createMailbox(session.accountId, mailboxName, [...uses]),
  );
  await tellNormalizedName(session, mailboxName, oldName);
  if (session.isOff('OBJECTID')) return { text: 'CREATE completed' };
  return { text: 'CREATE completed', code: `MAILBOXID (${mailboxIdOf(mailbox)})` };
};

function expectSpecialUse(text: string): SpecialUse {
  const use = findSpecialUse(text);
  if (use !== undefined) return use;
  throw new CommandRefusedError('NO', `No mailbox can be made for ${text}`, 'USEATTR');
}
