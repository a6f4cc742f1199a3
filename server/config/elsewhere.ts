import {
  formatServerUrl,
  type ImapServerUrl,
  parseServerUrl,
} from '../../protocol/imap-server-url.ts';
import { StoreError } from '../../store/mail-store.ts';
import { normalizeAccountName } from '../../store/names.ts';
import { accountKey } from '../imap/account-capabilities.ts';
import type { AccountsElsewhere } from '../imap/accounts-elsewhere.ts';

/**
 * Reads `alice=imap://alice;AUTH=*@mail2.example.com/ bob=imap://mail3.example.com/`: accounts whose mail is on another server,
 * divided by spaces. A URL without a user has the account's name.
 *
 * @throws Error that says which item is wrong, and what is allowed
 */
export function parseElsewhere(text: string): AccountsElsewhere {
  const accounts = new Map<string, ImapServerUrl>();
  for (const item of text.split(/\s+/).filter(Boolean)) {
    const at = item.toLowerCase().lastIndexOf('=imap://');
    const url = at < 0 ? undefined : parseServerUrl(item.slice(at + 1));
    if (url === undefined) throw new Error(allowedText(item));
    const name = readAccountName(item, item.slice(0, at));
    const key = accountKey(name);
    if (accounts.has(key)) throw new Error(`has the account "${name}" twice`);
    accounts.set(key, { userName: name, ...url });
  }
  return accounts;
}

/** The text that {@link parseElsewhere} reads as these; empty if all accounts are here. */
export function formatElsewhere(accounts: AccountsElsewhere): string {
  return Array.from(accounts, ([key, url]) => `${key}=${formatServerUrl(url)}`).join(' ');
}

function readAccountName(item: string, name: string): string {
  try {
    return normalizeAccountName(name);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new Error(`has "${item}", which names no account: ${error.message}`, { cause: error });
  }
}

function allowedText(item: string): string {
  const form = 'ACCOUNT=imap://USER;AUTH=*@HOST:PORT/';
  return `must be ${form}, or several with spaces between them, but has "${item}" (HOST is a name or an IPv4 address)`;
}
