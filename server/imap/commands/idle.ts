import type { ReaderEvent } from '../../../protocol/command-reader.ts';
import type { CommandHandler } from '../dispatch.ts';
import { CommandRefusedError } from '../responses.ts';
import { Notifier } from '../notifier.ts';
import { decodeLine } from '../session.ts';

/** Tells the client at once what changes, until it sends DONE. @see RFC 2177, section 3; RFC 5465, section 4 (NOTIFY) */
export const idle: CommandHandler<'IDLE'> = async (session) => {
  session.out.continuation('idling');
  await session.sync({ expunge: true });
  const { selected, notifications, metadataNews } = session;
  const isTold = (selected ?? notifications ?? metadataNews) !== undefined;
  const notifier = isTold ? new Notifier(session, { expunge: true }) : undefined;
  let event: ReaderEvent | undefined;
  try {
    event = await session.connection.pullLine();
  } finally {
    await notifier?.stop();
  }
  const text = decodeLine(event);
  if (text.toUpperCase() !== 'DONE') {
    throw new CommandRefusedError('BAD', `Expected DONE, got "${text.slice(0, 40)}"`);
  }
  return { text: 'IDLE completed' };
};
