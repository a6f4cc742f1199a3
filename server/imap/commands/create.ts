import { findSpecialUse, type SpecialUse } from '../../../protocol/special-use.ts';
import type { CommandHandler } from '../dispatch.ts';
import { CommandRefusedError } from '../responses.ts';
import { tellNormalizedName } from './tell-name.ts';

/** @see RFC 3501, section 6.3.3; RFC 6154, section 3 (special use); RFC 9051, section 6.3.4 */
export const createMailbox: CommandHandler<'CREATE'> = async (session, command) => {
  const { mailboxName, oldName, specialUses = [] } = command;
  const uses = new Set(specialUses.map(expectSpecialUse));
  await session.store.createMailbox(session.accountId, mailboxName, [...uses]);
  await tellNormalizedName(session, mailboxName, oldName);
  return { text: 'CREATE completed' };
};

function expectSpecialUse(text: string): SpecialUse {
  const use = findSpecialUse(text);
  if (use !== undefined) return use;
  throw new CommandRefusedError('NO', `No mailbox can be made for ${text}`, 'USEATTR');
}
