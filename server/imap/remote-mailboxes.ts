import type { Command } from '../../protocol/grammar/commands.ts';
import { formatMailboxUrl, type RemoteMailboxUrl } from '../../protocol/imap-server-url.ts';
import { CommandRefusedError } from './responses.ts';
import type { Session } from './session.ts';

/** Mailboxes on other servers, in the order in which they are preferred: each has the same name here, with all below it. */
export type RemoteMailboxes = readonly RemoteMailboxUrl[];

/** Names of mailboxes on other servers, each once; none if the client is not to know of them. */
export function remoteNames(session: Session): readonly string[] {
  if (session.isOff('MAILBOX-REFERRALS')) return [];
  return [...new Set(session.context.remoteMailboxes.map(({ mailboxName }) => mailboxName))];
}

/** True for the name of a mailbox on another server, and for what is below it. */
export function isRemote(session: Session, name: string): boolean {
  return remoteNames(session).some((remote) => name === remote || name.startsWith(`${remote}/`));
}

/** Where a client has to go with a command, since it names a mailbox on another server; undefined if it can be done here. */
export function findReferral(session: Session, command: Command): CommandRefusedError | undefined {
  switch (command.name) {
    case 'APPEND':
    case 'COPY':
    case 'CREATE':
    case 'DELETE':
    case 'EXAMINE':
    case 'GETMETADATA':
    case 'MOVE':
    case 'REPLACE':
    case 'SELECT':
    case 'SETMETADATA':
    case 'STATUS':
      return referTo(urlsOf(session, command.mailboxName));
    case 'RENAME':
      return findRenameReferral(session, command.mailboxName, command.newName);
    default:
      return undefined;
  }
}

/** Pairs of URLs, as far as both names are on other servers. @see RFC 2193, section 4.3 */
function findRenameReferral(
  session: Session,
  name: string,
  newName: string,
): CommandRefusedError | undefined {
  const [old, renamed] = [urlsOf(session, name), urlsOf(session, newName)];
  if (old.length === 0 && renamed.length === 0) return undefined;
  if (old.length === 0 || renamed.length === 0) {
    return new CommandRefusedError('NO', 'Cannot rename a mailbox to another server', 'CANNOT');
  }
  const pairs = old.flatMap((url, index) => [url, renamed[index] ?? renamed[0]!]);
  return referTo(pairs);
}

function urlsOf(session: Session, name: string): string[] {
  if (!isRemote(session, name)) return [];
  const userName = session.account?.name;
  return session.context.remoteMailboxes
    .filter(({ mailboxName: root }) => name === root || name.startsWith(`${root}/`))
    .map(({ server }) => ({ userName, ...server }))
    .map(({ userName: user, ...server }) =>
      formatMailboxUrl({
        server: { ...server, ...(user !== undefined && { userName: user }) },
        mailboxName: name,
      }),
    );
}

function referTo(urls: readonly string[]): CommandRefusedError | undefined {
  if (urls.length === 0) return undefined;
  const text = 'The mailbox is on another server';
  return new CommandRefusedError('NO', text, `REFERRAL ${urls.join(' ')}`);
}
