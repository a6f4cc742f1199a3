import { changeCredentials, createAccount, removeAccount } from './account-writes.ts';
import { dropStagings, findOrphanedStagings, stageChunks } from './body-writes.ts';
import { collect } from './collector.ts';
import { copyMessages } from './copy-writes.ts';
import { expungeMessages, moveMessages } from './expunge-writes.ts';
import { storeFlags } from './flag-writes.ts';
import {
  createMailbox,
  deleteMailbox,
  renameMailbox,
  subscribe,
  unsubscribe,
} from './mailbox-writes.ts';
import type { Database } from './database.ts';
import { addMessage } from './message-writes.ts';
import type { RecentClaims } from './recent-claims.ts';
import type { MailboxKey } from '../mail-store.ts';
import type { WriteContext } from './write-context.ts';

/** Everything that the writer does in a transaction, by the name under which clients ask for it. */
export const writeOperations = {
  addMessage,
  changeCredentials,
  collect,
  copyMessages,
  createAccount,
  createMailbox,
  deleteMailbox,
  dropStagings,
  findOrphanedStagings,
  expungeMessages,
  moveMessages,
  removeAccount,
  renameMailbox,
  stageChunks,
  storeFlags,
  subscribe,
  unsubscribe,
};

/** What an operation that needs no transaction has to work with. */
export interface MemoryContext {
  readonly database: Database;
  readonly claims: RecentClaims;
}

/** What the writer does between two transactions, without a wait for the disk. */
export const memoryOperations = {
  claimRecent: ({ database, claims }: MemoryContext, box: MailboxKey) =>
    claims.claim(database, box),
  /** The answer tells the client that the writer knows it, and its watches. */
  greet: (_context: MemoryContext, _argument: undefined) => undefined,
};

type Operations = typeof writeOperations & typeof memoryOperations;

export type OperationName = keyof Operations;

/** What an operation takes; undefined if it takes nothing. */
export type OperationArgument<Name extends OperationName> = Parameters<Operations[Name]>[1];

/** What it answers. */
export type OperationResult<Name extends OperationName> = ReturnType<Operations[Name]>;

/** True for an operation that needs no transaction. */
export function isInMemory(name: OperationName): name is keyof typeof memoryOperations {
  return Object.hasOwn(memoryOperations, name);
}

/** Runs an operation of which only the name is known. The client's types made sure of the argument. */
export function runOperation(
  name: OperationName,
  context: WriteContext,
  argument: unknown,
): unknown {
  return find(writeOperations, name)(context, argument);
}

/** As {@link runOperation}, for one that is {@link isInMemory}. */
export function runInMemory(
  name: OperationName,
  context: MemoryContext,
  argument: unknown,
): unknown {
  return find(memoryOperations, name)(context, argument);
}

function find(
  operations: object,
  name: OperationName,
): (context: WriteContext | MemoryContext, argument: unknown) => unknown {
  const operation = (operations as Record<string, ReturnType<typeof find>>)[name];
  if (operation === undefined) throw new Error(`There is no operation "${name}"`);
  return operation;
}
