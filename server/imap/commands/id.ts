import type { CommandHandler } from '../dispatch.ts';
import { serverVersion } from '../../version.ts';
import { CommandRefusedError } from '../responses.ts';

/** @see RFC 2971, section 3; {@link BackgroundClients} */
export const identify: CommandHandler<'ID'> = async (session, { parameters }) => {
  if (parameters !== undefined && session.context.backgroundClients.isPutOff(parameters)) {
    throw new CommandRefusedError('NO', 'The server is busy, download later', 'UNAVAILABLE');
  }
  if (parameters !== undefined) {
    session.log('debug', { client: Object.fromEntries(parameters) }, 'client identified');
  }
  const out = session.out.begin().atom('ID').open();
  out.string('name').string('Reprise').string('version').string(serverVersion).close().end();
  return { text: 'ID completed' };
};
