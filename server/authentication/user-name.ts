import { type Account, type MailStore, StoreError } from '../../store/mail-store.ts';
import { saslprep } from './saslprep.ts';

/**
 * The account that a client names: by the name as it came, for accounts that are older than {@link checkNewUserName}, or
 * as SASLprep has it. Undefined if there is none.
 */
export async function findNamedAccount(
  accounts: Pick<MailStore, 'findAccount'>,
  userName: string,
): Promise<Account | undefined> {
  const account = await accounts.findAccount(userName);
  if (account !== undefined) return account;
  const prepared = saslprep(userName);
  if (!('text' in prepared) || prepared.text === userName) return undefined;
  return accounts.findAccount(prepared.text);
}

/**
 * Checks that clients that prepare the name of a new account as SASL wants it find that account. `CANNOT`.
 *
 * @see RFC 4013
 */
export function checkNewUserName(name: string): void {
  const prepared = saslprep(name);
  if ('fault' in prepared) {
    throw new StoreError('CANNOT', `Cannot use this account name: ${prepared.fault}`);
  }
  if (prepared.text === name.normalize('NFC')) return;
  throw new StoreError(
    'CANNOT',
    `Cannot use this account name: clients write it as "${prepared.text}" (RFC 4013)`,
  );
}
