import type { CommandHandler } from '../dispatch.ts';
import { CommandRefusedError } from '../responses.ts';

/**
 * A client must wait for the answer, so what it has sent behind the command is in the clear, and stays so: it is refused
 * and nothing is compressed.
 *
 * @see RFC 4978, section 3
 */
export const compress: CommandHandler<'COMPRESS'> = async (session, _command, { tag }) => {
  const { connection } = session;
  if (connection.isCompressed) {
    // NO is for what another layer compresses.
    throw new CommandRefusedError('BAD', 'DEFLATE is active by COMPRESS', 'COMPRESSIONACTIVE');
  }
  if (connection.hasPipelined) {
    const text = 'Wait for the answer to COMPRESS before the next command';
    throw new CommandRefusedError('BAD', text, 'CLIENTBUG');
  }
  session.out.status(tag, 'OK', 'DEFLATE is active from here on');
  connection.startCompression();
  return { text: '', isAnswered: true };
};
