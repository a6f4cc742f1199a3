import { formatMailboxUrl, parseMailboxUrl } from '../../protocol/imap-server-url.ts';
import { StoreError } from '../../store/mail-store.ts';
import { newMailboxName } from '../../store/names.ts';
import type { RemoteMailboxes } from '../imap/remote-mailboxes.ts';

/**
 * Reads `imap://server2/Public imap://server3/Public`: mailboxes on other servers, divided by spaces, which have the same names here.
 *
 * @throws Error that says which item is wrong, and what is allowed
 */
export function parseRemoteMailboxes(text: string): RemoteMailboxes {
  return text
    .split(/\s+/)
    .filter(Boolean)
    .map((item) => {
      const url = parseMailboxUrl(item);
      if (url === undefined) throw new Error(allowedText(item));
      return { ...url, mailboxName: readName(item, url.mailboxName) };
    });
}

/** The text that {@link parseRemoteMailboxes} reads as these. */
export function formatRemoteMailboxes(mailboxes: RemoteMailboxes): string {
  return mailboxes.map(formatMailboxUrl).join(' ');
}

function readName(item: string, name: string): string {
  try {
    const normalName = newMailboxName(name);
    if (normalName !== 'INBOX') return normalName;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new Error(`has "${item}": ${error.message}`, { cause: error });
  }
  throw new Error(`has "${item}", but each account has its INBOX here`);
}

function allowedText(item: string): string {
  return `must be imap://HOST:PORT/MAILBOX, or several with spaces between them, but has "${item}" (HOST is a name or an IPv4 address)`;
}
