import { type Mailbox, StoreError } from '../../../store/mail-store.ts';
import { newMailboxName } from '../../../store/names.ts';
import { CommandRefusedError } from '../responses.ts';
import type { Session } from '../session.ts';

/** The mailbox that messages are to go to. Rejects as {@link noTarget} says if there is none. */
export async function findTarget(session: Session, name: string): Promise<Mailbox> {
  const target = await session.store.findMailbox(session.accountId, name);
  if (target?.isSelectable !== true) throw noTarget(name);
  return target;
}

/**
 * What a client is told if a target does not exist: to create it, unless no mailbox can have that name.
 *
 * @see RFC 9051, section 6.3.12
 */
export function noTarget(name: string): CommandRefusedError | StoreError {
  try {
    newMailboxName(name);
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  return new CommandRefusedError('NO', 'No mailbox of that name, create it first', 'TRYCREATE');
}
