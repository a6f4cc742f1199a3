import { formatServerUrl, type ImapServerUrl } from '../../protocol/imap-server-url.ts';
import type { Account } from '../../store/mail-store.ts';
import { accountKey } from './account-capabilities.ts';
import { CommandRefusedError } from './responses.ts';
import type { Session } from './session.ts';

/** Accounts whose mail is on another server, with the user there, by the name of each as {@link accountKey} has it. */
export type AccountsElsewhere = ReadonlyMap<string, ImapServerUrl>;

/**
 * What a client is told that has proved to be an account whose mail is on another server; undefined if it is here. Nobody else is told:
 * who does not know the password must not learn what there is of the account.
 *
 * @see RFC 2221, sections 4.1 and 6
 */
export function referElsewhere(
  session: Session,
  account: Account,
): CommandRefusedError | undefined {
  const url = session.context.accountsElsewhere.get(accountKey(account.name));
  if (url === undefined) return undefined;
  const address = session.connection.remoteAddress;
  session.log('info', { account: account.name, address, host: url.host }, 'login referred');
  // Each writes a line, and what repeats them does not follow the referral.
  session.countFailedLogin('referred');
  const isOff = session.isOff('LOGIN-REFERRALS');
  const text = 'The mail of this account is on another server';
  const code = isOff ? 'CONTACTADMIN' : (`REFERRAL ${formatServerUrl(url)}` as const);
  return new CommandRefusedError('NO', text, code);
}
