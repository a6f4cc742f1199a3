import type { WireText } from './wire-text.ts';

/** Response codes without arguments. @see RFC 3501, section 7.1; RFC 4315; RFC 5530; RFC 7162; RFC 7889; RFC 3516; RFC 5465; RFC 6154; RFC 10022; RFC 9586 */
export type SimpleResponseCode =
  | 'ALERT'
  | 'PARSE'
  | 'READ-ONLY'
  | 'READ-WRITE'
  | 'TRYCREATE'
  | 'UIDREQUIRED'
  | 'NOMODSEQ'
  | 'CLOSED'
  | 'COMPRESSIONACTIVE'
  | 'TOOBIG'
  | 'TOOFEW'
  | 'UNKNOWN-CTE'
  | 'UNAVAILABLE'
  | 'AUTHENTICATIONFAILED'
  | 'AUTHORIZATIONFAILED'
  | 'EXPIRED'
  | 'PRIVACYREQUIRED'
  | 'CONTACTADMIN'
  | 'NOPERM'
  | 'INUSE'
  | 'EXPUNGEISSUED'
  | 'CORRUPTION'
  | 'SERVERBUG'
  | 'CLIENTBUG'
  | 'CANNOT'
  | 'LIMIT'
  | 'OVERQUOTA'
  | 'ALREADYEXISTS'
  | 'NONEXISTENT'
  | 'HASCHILDREN'
  | 'USEATTR'
  | 'NOTIFICATIONOVERFLOW';

/** A response code as it stands between the brackets of a status response, without the brackets. */
export type ResponseCode =
  | SimpleResponseCode
  | 'INPROGRESS'
  | `INPROGRESS ("${string}" NIL NIL)`
  | `INPROGRESS (${'NIL' | `"${string}"`} ${number} ${number})`
  | `BADCHARSET (${string})`
  | `BADEVENT (${string})`
  | `CAPABILITY ${string}`
  | `PERMANENTFLAGS ${WireText}`
  | `UIDNEXT ${number}`
  | `UIDVALIDITY ${number}`
  | `UNSEEN ${number}`
  | `HIGHESTMODSEQ ${number}`
  | `MAILBOXID (${string})`
  | `MESSAGELIMIT ${number}`
  | `MESSAGELIMIT ${number} ${number}`
  | `METADATA LONGENTRIES ${number}`
  | `METADATA MAXSIZE ${number}`
  | 'METADATA TOOMANY'
  | `REFERRAL ${string}`
  | `MODIFIED ${string}`
  | `APPENDUID ${number} ${string}`
  | `BADURL ${string}`
  | `NOUPDATE "${string}"`
  | `COPYUID ${number} ${string} ${string}`;
