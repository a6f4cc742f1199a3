import type { AppendArguments } from '../../../protocol/grammar/append.ts';
import { HeaderByteCheck } from '../../../protocol/mime/header-bytes.ts';
import type { Mailbox, MessageDraft } from '../../../store/mail-store.ts';
import { CommandRefusedError } from '../responses.ts';
import type { CommandHandler } from '../dispatch.ts';
import { ConnectionLostError } from '../../net/transport.ts';
import type { Session } from '../session.ts';
import { findTarget } from './target-mailbox.ts';

/** @see RFC 9755, section 4 */
const utf8Text = 'Enable UTF8=ACCEPT before adding a message with 8-bit characters in its header';

/** Streams the message into the store. @see RFC 3501, section 6.3.11; RFC 4315, section 3 (APPENDUID) */
export const append: CommandHandler<'APPEND'> = async (session, command, request) => {
  const mailbox = await findAppendTarget(session, command);
  if (request.isWaiting) session.out.continuation('Ready for literal data');
  const draft = session.store.beginMessage();
  try {
    await receive(session, draft);
    const adding = draft.addTo(mailbox, {
      flags: command.flags,
      internalDate: command.internalDate ?? {
        epochMs: Math.floor(session.context.clock() / 1000) * 1000,
        zoneMinutes: 0,
      },
    });
    // The store adds messages in the order in which it is asked to, as far as they are small.
    request.onRead?.();
    const added = await adding;
    if (session.isOff('UIDPLUS')) return { text: 'APPEND completed' };
    return { text: 'APPEND completed', code: `APPENDUID ${added.uidValidity} ${added.uid}` };
  } finally {
    await draft.discard();
  }
};

async function findAppendTarget(session: Session, command: AppendArguments): Promise<Mailbox> {
  try {
    const mailbox = await findTarget(session, command.mailboxName);
    if (command.sizeBytes === 0) throw new CommandRefusedError('NO', 'Cannot add an empty message');
    return mailbox;
  } catch (error) {
    session.connection.rejectLiteral();
    throw error;
  }
}

/** After a failure the rest of the literal is still read, so that the next command is found. */
async function receive(session: Session, draft: MessageDraft): Promise<void> {
  const isUtf8Known = session.out.isUtf8 || session.isOff('UTF8=ACCEPT');
  const header = isUtf8Known ? undefined : new HeaderByteCheck();
  let failure: unknown;
  for (;;) {
    const event = await session.connection.pullLiteral();
    if (event === undefined) throw new ConnectionLostError();
    if (event.kind === 'stream-end') break;
    if (event.kind === 'bad') throw new CommandRefusedError('BAD', event.text, event.code);
    if (event.kind !== 'stream-data') throw new Error(`Unexpected ${event.kind} event`);
    if (failure !== undefined) continue;
    try {
      if (header?.find(event.data) === true)
        throw new CommandRefusedError('NO', utf8Text, 'CANNOT');
      await draft.write(event.data);
    } catch (error) {
      failure = error;
    }
  }
  if (failure !== undefined) throw failure;
}
