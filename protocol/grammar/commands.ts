import { idLimitsBeforeLogin } from '../limits.ts';
import { expectNoArguments, type CommandGrammar } from './command-grammar.ts';
import {
  type AppendPart,
  expectAppendArguments,
  expectEndOfMessage,
  expectNextOfAppend,
} from './append.ts';
import { expectCompressArguments } from './compress.ts';
import { expectCancelUpdateArguments } from './cancel-update.ts';
import { expectEnableArguments } from './enable.ts';
import { expectEsearchArguments } from './esearch.ts';
import { expectFetchArguments } from './fetch.ts';
import { expectIdArguments } from './id.ts';
import { expectLanguageArguments } from './language.ts';
import { expectListArguments, expectLsubArguments } from './list.ts';
import { expectAuthenticateArguments, expectLoginArguments } from './login.ts';
import { expectCreateArguments, expectNameArguments, expectRenameArguments } from './mailbox.ts';
import { expectGetMetadataArguments, expectSetMetadataArguments } from './metadata.ts';
import { expectCopyArguments, expectExpungeArguments } from './messages.ts';
import { expectNotifyArguments } from './notify.ts';
import { expectReplaceArguments } from './replace.ts';
import { expectSearchArguments } from './search.ts';
import { expectSelectArguments } from './select.ts';
import { expectSortArguments } from './sort.ts';
import { expectStatusArguments } from './status.ts';
import { expectStoreArguments } from './store.ts';
import { expectThreadArguments } from './thread.ts';
import { expectUidBatchesArguments } from './uid-batches.ts';

/** Every command that the server knows, by its name. A new one is a row here, and one in server/imap/dispatch.ts. */
export const commandGrammar = {
  APPEND: {
    rfc: 'RFC 3501, section 6.3.11',
    hasStream: true,
    expectArguments: expectAppendArguments,
    expectNext: (decoder, before) => expectNextOfAppend(decoder, before as AppendPart),
  },
  AUTHENTICATE: { rfc: 'RFC 3501, section 6.2.2', expectArguments: expectAuthenticateArguments },
  CANCELUPDATE: {
    rfc: 'RFC 5267, section 4.3.5',
    capability: 'CONTEXT=SEARCH',
    expectArguments: expectCancelUpdateArguments,
  },
  CAPABILITY: { rfc: 'RFC 3501, section 6.1.1', expectArguments: expectNoArguments },
  CHECK: {
    rfc: 'RFC 3501, section 6.4.1',
    capability: 'IMAP4rev1',
    expectArguments: expectNoArguments,
  },
  CLOSE: { rfc: 'RFC 3501, section 6.4.2', expectArguments: expectNoArguments },
  COMPRESS: {
    rfc: 'RFC 4978',
    capability: 'COMPRESS=DEFLATE',
    expectArguments: expectCompressArguments,
  },
  COPY: { rfc: 'RFC 3501, section 6.4.7', hasUid: true, expectArguments: expectCopyArguments },
  CREATE: { rfc: 'RFC 3501, section 6.3.3', expectArguments: expectCreateArguments },
  DELETE: { rfc: 'RFC 3501, section 6.3.4', expectArguments: expectNameArguments },
  ENABLE: { rfc: 'RFC 5161', capability: 'ENABLE', expectArguments: expectEnableArguments },
  ESEARCH: {
    rfc: 'RFC 7377',
    capability: 'MULTISEARCH',
    expectArguments: expectEsearchArguments,
  },
  EXAMINE: { rfc: 'RFC 3501, section 6.3.2', expectArguments: expectSelectArguments },
  EXPUNGE: {
    rfc: 'RFC 3501, section 6.4.3',
    hasUid: true,
    uidCapability: 'UIDPLUS',
    expectArguments: expectExpungeArguments,
  },
  FETCH: { rfc: 'RFC 3501, section 6.4.5', hasUid: true, expectArguments: expectFetchArguments },
  GETMETADATA: { rfc: 'RFC 5464, section 4.2', expectArguments: expectGetMetadataArguments },
  ID: {
    rfc: 'RFC 2971',
    capability: 'ID',
    limitsBeforeLogin: idLimitsBeforeLogin,
    expectArguments: expectIdArguments,
  },
  IDLE: { rfc: 'RFC 2177', capability: 'IDLE', expectArguments: expectNoArguments },
  LANGUAGE: {
    rfc: 'RFC 5255, section 3.2',
    capability: 'LANGUAGE',
    expectArguments: expectLanguageArguments,
  },
  LIST: { rfc: 'RFC 3501, section 6.3.8', expectArguments: expectListArguments },
  LOGIN: { rfc: 'RFC 3501, section 6.2.3', expectArguments: expectLoginArguments },
  LOGOUT: { rfc: 'RFC 3501, section 6.1.3', expectArguments: expectNoArguments },
  LSUB: {
    rfc: 'RFC 3501, section 6.3.9',
    capability: 'IMAP4rev1',
    expectArguments: expectLsubArguments,
  },
  MOVE: {
    rfc: 'RFC 6851',
    capability: 'MOVE',
    hasUid: true,
    expectArguments: expectCopyArguments,
  },
  NAMESPACE: { rfc: 'RFC 2342', capability: 'NAMESPACE', expectArguments: expectNoArguments },
  NOTIFY: { rfc: 'RFC 5465', capability: 'NOTIFY', expectArguments: expectNotifyArguments },
  NOOP: { rfc: 'RFC 3501, section 6.1.2', expectArguments: expectNoArguments },
  REPLACE: {
    rfc: 'RFC 8508',
    capability: 'REPLACE',
    hasUid: true,
    hasStream: true,
    expectArguments: expectReplaceArguments,
    expectNext: (decoder, before) => expectEndOfMessage(decoder, before as AppendPart),
  },
  RENAME: { rfc: 'RFC 3501, section 6.3.5', expectArguments: expectRenameArguments },
  RLIST: {
    rfc: 'RFC 2193, section 5.1',
    capability: 'MAILBOX-REFERRALS',
    expectArguments: expectLsubArguments,
  },
  RLSUB: {
    rfc: 'RFC 2193, section 5.2',
    capability: 'MAILBOX-REFERRALS',
    expectArguments: expectLsubArguments,
  },
  SEARCH: { rfc: 'RFC 3501, section 6.4.4', hasUid: true, expectArguments: expectSearchArguments },
  SELECT: { rfc: 'RFC 3501, section 6.3.1', expectArguments: expectSelectArguments },
  SORT: {
    rfc: 'RFC 5256',
    capability: 'SORT',
    hasUid: true,
    expectArguments: expectSortArguments,
  },
  SETMETADATA: { rfc: 'RFC 5464, section 4.3', expectArguments: expectSetMetadataArguments },
  STARTTLS: { rfc: 'RFC 3501, section 6.2.1', expectArguments: expectNoArguments },
  STATUS: { rfc: 'RFC 3501, section 6.3.10', expectArguments: expectStatusArguments },
  STORE: { rfc: 'RFC 3501, section 6.4.6', hasUid: true, expectArguments: expectStoreArguments },
  SUBSCRIBE: { rfc: 'RFC 3501, section 6.3.6', expectArguments: expectNameArguments },
  THREAD: { rfc: 'RFC 5256', hasUid: true, expectArguments: expectThreadArguments },
  UIDBATCHES: {
    rfc: 'RFC 10022',
    capability: 'UIDBATCHES',
    expectArguments: expectUidBatchesArguments,
  },
  UNAUTHENTICATE: {
    rfc: 'RFC 8437',
    capability: 'UNAUTHENTICATE',
    expectArguments: expectNoArguments,
  },
  UNSELECT: { rfc: 'RFC 3691', capability: 'UNSELECT', expectArguments: expectNoArguments },
  UNSUBSCRIBE: { rfc: 'RFC 3501, section 6.3.7', expectArguments: expectNameArguments },
} as const satisfies { readonly [name: string]: CommandGrammar };

type CommandTable = typeof commandGrammar;

/** The name of a command, in capitals. */
export type CommandName = keyof CommandTable;

type ArgumentsOf<Name extends CommandName> = ReturnType<CommandTable[Name]['expectArguments']>;

type UidForm<Name extends CommandName> = CommandTable[Name] extends { readonly hasUid: true }
  ? {
      /** True for the UID form, whose sequence sets hold UIDs. */
      readonly isUid: boolean;
    }
  : object;

/** The command of a name, or of one of several: its name, and what its grammar reads. */
export type CommandNamed<Name extends CommandName> = Name extends CommandName
  ? { readonly name: Name } & UidForm<Name> & ArgumentsOf<Name>
  : never;

/**
 * One command of a client, decoded. Mailbox names are Unicode (decoded from modified UTF-7), `INBOX` in capitals; user
 * names and passwords are decoded from UTF-8.
 *
 * @see RFC 3501, section 6
 */
export type Command = CommandNamed<CommandName>;

/** A command without the literal that streams behind it. */
export type StreamingCommand = CommandNamed<'APPEND' | 'REPLACE'>;
