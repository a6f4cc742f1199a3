import { findSpecialUse, type SpecialUse } from '../../../protocol/special-use.ts';
import { type Mailbox, StoreError } from '../../../store/mail-store.ts';
import type { CommandHandler, Completion } from '../dispatch.ts';
import { mailboxIdOf } from '../mailbox-id.ts';
import { CommandRefusedError } from '../responses.ts';
import type { Session } from '../session.ts';
import { tellNormalizedName } from './tell-name.ts';

/**
 * @see RFC 3501, section 6.3.3; RFC 6154, section 3 (special use); RFC 9051, section 6.3.4; RFC 8474, section 4.1 (MAILBOXID)
 */
export const createMailbox: CommandHandler<'CREATE'> = async (session, command) => {
  const { mailboxName, oldName, specialUses = [] } = command;
  const uses = new Set(specialUses.map(expectSpecialUse));
  const mailbox = await session.store.createMailbox(session.accountId, mailboxName, [...uses]);
  await tellNormalizedName(session, mailboxName, oldName);
  const code = session.isOff('OBJECTID') ? undefined : await mailboxIdCode(session, mailbox);
  return { text: 'CREATE completed', ...(code !== undefined && { code }) };
};

function expectSpecialUse(text: string): SpecialUse {
  const use = findSpecialUse(text);
  if (use !== undefined) return use;
  throw new CommandRefusedError('NO', `No mailbox can be made for ${text}`, 'USEATTR');
}

/** Undefined if another has deleted the mailbox already: it was made all the same. */
async function mailboxIdCode({ store }: Session, mailbox: Mailbox): Promise<Completion['code']> {
  try {
    return `MAILBOXID (${mailboxIdOf(await store.readStatus(mailbox))})`;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'NONEXISTENT') return undefined;
    throw error;
  }
}
