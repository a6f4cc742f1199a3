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
import { addMessage, claimRecent } from './message-writes.ts';
import type { WriteContext } from './write-context.ts';

/** Everything that the writer does, by the name under which clients ask for it. */
export const writeOperations = {
  addMessage,
  changeCredentials,
  claimRecent,
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

type Operations = typeof writeOperations;

export type OperationName = keyof Operations;

/** What an operation takes; undefined where it takes nothing. */
export type OperationArgument<Name extends OperationName> = Parameters<Operations[Name]>[1];

/** What it answers. */
export type OperationResult<Name extends OperationName> = ReturnType<Operations[Name]>;

/** Runs an operation of which only the name is known. The client's types made sure of the argument. */
export function runOperation(
  name: OperationName,
  context: WriteContext,
  argument: unknown,
): unknown {
  const operation = writeOperations[name] as (context: WriteContext, argument: unknown) => unknown;
  return operation(context, argument);
}
