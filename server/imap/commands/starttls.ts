import { CommandRefusedError } from '../command-error.ts';
import type { CommandHandler } from '../command-handler.ts';
import { ConnectionLostError } from '../response-stream.ts';

/** @see RFC 3501, section 6.2.1; RFC 9051, section 6.2.1 (what is pipelined behind it) */
export const startTls: CommandHandler<'STARTTLS'> = async (session, _command, { tag }) => {
  if (session.isSecure) throw new CommandRefusedError('BAD', 'TLS is active already');
  try {
    await session.connection.startTls(`${tag} OK Begin TLS negotiation now\r\n`);
  } catch (error) {
    session.log('info', { err: error }, 'TLS handshake failed');
    throw new ConnectionLostError();
  }
  const { tls } = session.connection;
  session.log('debug', { protocol: tls?.protocol, resumed: tls?.isResumed }, 'TLS established');
  return { text: '', isAnswered: true };
};
