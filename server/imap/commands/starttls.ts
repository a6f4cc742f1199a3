import type { CommandHandler } from '../dispatch.ts';
import { CommandRefusedError } from '../responses.ts';

/** @see RFC 3501, section 6.2.1; RFC 9051, section 6.2.1 (what is pipelined behind it) */
export const startTls: CommandHandler<'STARTTLS'> = async (session, _command, { tag }) => {
  if (session.isSecure) throw new CommandRefusedError('BAD', 'TLS is active already');
  session.out.status(tag, 'OK', 'Begin TLS negotiation now');
  await session.connection.startTls();
  const { tls } = session.connection;
  session.log('debug', { protocol: tls?.protocol, resumed: tls?.isResumed }, 'TLS established');
  return { text: '', isAnswered: true };
};
