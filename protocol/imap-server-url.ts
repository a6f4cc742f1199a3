import { isUtf8 } from 'node:buffer';

/** An IMAP server, and an account there, as an IMAP URL names them. */
export interface ImapServerUrl {
  /** A host name or an IPv4 address. */
  readonly host: string;
  /** Absent: the one that clients take by default. */
  readonly port?: number;
  /** In Unicode. Absent: nobody's. */
  readonly userName?: string;
  /** The SASL mechanism to log in by; absent: any. */
  readonly mechanism?: string;
}

/** An IPv6 address stands in brackets, which no response code can hold. */
const serverUrl =
  /^imap:\/\/(?:([^@/;:?#]+)(?:;AUTH=(\*|[a-z0-9_-]{1,20}))?@)?([a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?)(?::(\d{1,5}))?\/?$/i;

/** Reads `imap://user;AUTH=*@host:port/`; undefined for any other text. @see RFC 5092, sections 3 and 11 */
export function parseServerUrl(text: string): ImapServerUrl | undefined {
  const match = serverUrl.exec(text);
  if (match === null) return undefined;
  const [, encodedName, mechanism = '*', host = '', digits] = match;
  const userName = encodedName === undefined ? undefined : decodeText(encodedName);
  const port = digits === undefined ? undefined : Number(digits);
  if (encodedName !== undefined && userName === undefined) return undefined;
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  return {
    host: host.toLowerCase(),
    ...(port !== undefined && { port }),
    ...(userName !== undefined && { userName }),
    ...(mechanism !== '*' && { mechanism: mechanism.toUpperCase() }),
  };
}

/**
 * The URL, with `;AUTH=*` behind the user, without which clients may log in as nobody. It is ASCII without spaces, quotes or brackets,
 * whatever the name has, so that it can stand in a response code.
 *
 * @see RFC 5092, section 3.2; RFC 2221, section 3
 */
export function formatServerUrl({ host, port, userName, mechanism = '*' }: ImapServerUrl): string {
  const user = userName === undefined ? '' : `${encodeUrlText(userName)};AUTH=${mechanism}@`;
  return `imap://${user}${host}${port === undefined ? '' : `:${port}`}/`;
}

/** A mailbox on another server. */
export interface RemoteMailboxUrl {
  readonly server: ImapServerUrl;
  /** In Unicode, its levels divided by `/`. */
  readonly mailboxName: string;
}

/** Reads `imap://host:port/Level/Level`; undefined for any other text. @see RFC 5092, section 5 */
export function parseMailboxUrl(text: string): RemoteMailboxUrl | undefined {
  const [, before = '', encodedName = ''] = /^(imap:\/\/[^/]*\/)([^;?#]+)$/i.exec(text) ?? [];
  const server = parseServerUrl(before);
  const mailboxName = decodeText(encodedName);
  return server && mailboxName ? { server, mailboxName } : undefined;
}

/** As {@link formatServerUrl}, of a mailbox. */
export function formatMailboxUrl({ server, mailboxName }: RemoteMailboxUrl): string {
  return formatServerUrl(server) + mailboxName.split('/').map(encodeUrlText).join('/');
}

/** Text in UTF-8, percent-encoded but for what is unreserved in every URL. @see RFC 3986, section 2.3 */
function encodeUrlText(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function decodeText(encoded: string): string | undefined {
  if (!/^(?:[!-$&-~]|%[0-9a-f]{2})*$/i.test(encoded)) return undefined;
  const bytes = Buffer.from(
    encoded.replace(/%(..)/g, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    ),
    'latin1',
  );
  return isUtf8(bytes) ? bytes.toString('utf8').normalize('NFC') : undefined;
}
