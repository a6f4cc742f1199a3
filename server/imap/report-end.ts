import { ConnectionLostError } from '../net/byte-stream.ts';
import type { Connection } from './connection.ts';
import { ByeError } from './responses.ts';

/**
 * Says BYE to a client whose connection ends, and logs why.
 *
 * @param error - what ended it: a {@link ByeError} tells the client why, a {@link ConnectionLostError} means that it has
 *   gone, and all else is our fault
 */
export function reportEnd(connection: Connection, error: unknown): void {
  const { out, session } = connection;
  // A response that was begun cannot be ended any more, and nothing can be said behind it.
  const isBroken = out.hasBegun;
  if (isBroken) connection.destroy();
  if (error instanceof ByeError) {
    if (!isBroken) out.status('*', 'BYE', error.message, error.code);
    logBye(connection, error.message);
  } else if (!(error instanceof ConnectionLostError)) {
    if (!isBroken) out.status('*', 'BYE', 'Internal error', 'SERVERBUG');
    session.log('error', { err: error }, 'connection failed');
  }
}

/** Lines about those who have not logged in are bounded. */
function logBye({ id, session, remoteAddress }: Connection, reason: string): void {
  const text = 'closing connection';
  if (session.account !== undefined) session.log('info', { reason }, text);
  else {
    const { strangers } = session.context;
    strangers.write('info', remoteAddress, { connectionId: id, reason }, text);
  }
}
