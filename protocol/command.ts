import type { InternalDate } from './dates.ts';
import type { FetchItem } from './fetch-item.ts';
import type { Flag } from './flag.ts';
import type { SearchKey } from './search-key.ts';
import type { SequenceSet } from './sequence-set.ts';

export type { InternalDate } from './dates.ts';

/** A STATUS data item. @see RFC 3501, section 6.3.10; RFC 7162, section 3.1.7 */
export type StatusItem =
  'MESSAGES' | 'RECENT' | 'UIDNEXT' | 'UIDVALIDITY' | 'UNSEEN' | 'HIGHESTMODSEQ';

/**
 * One command of a client, decoded. Mailbox names are Unicode (decoded from modified UTF-7), `INBOX` in
 * capitals; user names and passwords are decoded from UTF-8. The UID form of a command is the argument
 * `isUid`: its sequence set then holds UIDs.
 *
 * @see RFC 3501, section 6
 */
export type Command =
  | {
      readonly name:
        | 'CAPABILITY'
        | 'NOOP'
        | 'LOGOUT'
        | 'STARTTLS'
        | 'CHECK'
        | 'CLOSE'
        | 'UNSELECT'
        | 'IDLE'
        | 'NAMESPACE';
    }
  | {
      readonly name: 'ID';
      /** Field names in lower case; undefined for `NIL`. */
      readonly parameters: ReadonlyMap<string, string | undefined> | undefined;
    }
  | { readonly name: 'ENABLE'; readonly capabilities: readonly string[] }
  | {
      readonly name: 'AUTHENTICATE';
      /** In capitals. */
      readonly mechanism: string;
      /** Decoded from base64; empty for `=`; absent where the client sent none (RFC 4959). */
      readonly initialResponse?: Uint8Array;
    }
  | { readonly name: 'LOGIN'; readonly userName: string; readonly password: string }
  | {
      readonly name: 'SELECT' | 'EXAMINE';
      readonly mailboxName: string;
      /** The `(CONDSTORE)` parameter of RFC 7162, section 3.1.8. */
      readonly isCondstore: boolean;
    }
  | {
      readonly name: 'CREATE';
      readonly mailboxName: string;
      /** True where the client wrote a trailing hierarchy separator (already removed from the name). */
      readonly isParentOnly: boolean;
    }
  | { readonly name: 'DELETE' | 'SUBSCRIBE' | 'UNSUBSCRIBE'; readonly mailboxName: string }
  | { readonly name: 'RENAME'; readonly mailboxName: string; readonly newName: string }
  | {
      readonly name: 'LIST' | 'LSUB';
      readonly reference: string;
      /** With `*` and `%` as the client wrote them; empty asks for the hierarchy separator. */
      readonly pattern: string;
    }
  | { readonly name: 'STATUS'; readonly mailboxName: string; readonly items: readonly StatusItem[] }
  | AppendCommand
  | {
      readonly name: 'EXPUNGE';
      /** Present for UID EXPUNGE (RFC 4315). */
      readonly uids?: SequenceSet;
    }
  | {
      readonly name: 'SEARCH';
      readonly isUid: boolean;
      readonly criteria: SearchKey;
    }
  | {
      readonly name: 'FETCH';
      readonly isUid: boolean;
      readonly set: SequenceSet;
      /** Macros are expanded; an item that was asked for twice comes once. */
      readonly items: readonly FetchItem[];
      /** Only messages with a larger modseq (RFC 7162, section 3.1.4.1). */
      readonly changedSince?: number;
    }
  | {
      readonly name: 'STORE';
      readonly isUid: boolean;
      readonly set: SequenceSet;
      readonly mode: 'replace' | 'add' | 'remove';
      readonly isSilent: boolean;
      readonly flags: readonly Flag[];
      /** Only messages whose modseq is not larger (RFC 7162, section 3.1.3). */
      readonly unchangedSince?: number;
    }
  | {
      readonly name: 'COPY' | 'MOVE';
      readonly isUid: boolean;
      readonly set: SequenceSet;
      readonly mailboxName: string;
    };

/**
 * APPEND without its message, whose octets stream behind it.
 *
 * @see RFC 3501, section 6.3.11
 */
export interface AppendCommand {
  readonly name: 'APPEND';
  readonly mailboxName: string;
  readonly flags: readonly Flag[];
  /** Milliseconds since 1970 and the zone that the client wrote; absent: now. */
  readonly internalDate?: InternalDate;
  /** Size of the message as the literal announced it. */
  readonly sizeBytes: number;
}
