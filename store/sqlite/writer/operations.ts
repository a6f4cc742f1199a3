import type { MailboxKey } from '../../mail-store.ts';
import { changeCredentials, createAccount, findAccount, removeAccount } from '../accounts.ts';
import {
  dropStagings,
  findOrphanedStagings,
  keepContents,
  stageBody,
  stageChunks,
} from '../bodies/bodies.ts';
import { collect } from '../collector.ts';
import { copyMessages, discardCopies, expungeMessages, moveMessages } from '../copy-and-expunge.ts';
import type { Database } from '../database.ts';
import { forgetExpunged } from '../expunged.ts';
import { storeFlags } from '../flags.ts';
import type { RecentClaims } from '../mailbox-counters.ts';
import { createMailbox, deleteMailbox, findMailbox, renameMailbox } from '../mailboxes.ts';
import { changeMetadata } from '../metadata.ts';
import { addMessage, addMessages } from '../messages.ts';
import { subscribe, unsubscribe } from '../subscriptions.ts';
import type { SlicedWork, WriteContext } from './write-context.ts';

/** Everything that the writer does in a transaction of short work, by the name under which clients ask for it. */
const shortOperations = {
  addMessage,
  addMessages,
  changeCredentials,
  changeMetadata,
  collect,
  createAccount,
  createMailbox,
  deleteMailbox,
  dropStagings,
  findOrphanedStagings,
  forgetExpunged,
  keepContents,
  probeDisk,
  removeAccount,
  stageBody,
  stageChunks,
  subscribe,
  unsubscribe,
};

/** Changes nothing, but writes a page: SQLite leaves out what would be as before. */
function probeDisk({ database }: WriteContext): void {
  database.run('INSERT INTO uid_validity VALUES (0)');
  database.run('DELETE FROM uid_validity WHERE rowid = last_insert_rowid()');
}

/** What may be work on very many messages. */
const slicedOperations = {
  copyMessages,
  discardCopies,
  expungeMessages,
  moveMessages,
  renameMailbox,
  storeFlags,
};

/** What an operation that needs no transaction has to work with. */
interface MemoryContext {
  readonly database: Database;
  readonly claims: RecentClaims;
}

/** What the writer does between two transactions, without a wait for the disk. */
const memoryOperations = {
  claimRecent: ({ database, claims }: MemoryContext, box: MailboxKey) =>
    claims.claim(database, box),
  /** The answer tells the client that the writer knows it, and its watches. */
  greet: (_context: MemoryContext, _argument: undefined) => undefined,
};

type Operations = typeof shortOperations & typeof slicedOperations & typeof memoryOperations;

export type OperationName = keyof Operations;

/** What an operation takes; undefined if it takes nothing. */
export type OperationArgument<Name extends OperationName> = Parameters<Operations[Name]>[1];

/** What it answers. */
export type OperationResult<Name extends OperationName> =
  ReturnType<Operations[Name]> extends SlicedWork<infer Result>
    ? Result
    : ReturnType<Operations[Name]>;

/** An operation of which only the name is known. The client's types made sure of the argument. */
export interface Operation {
  readonly operation: OperationName;
  readonly argument: unknown;
}

type Run<Context> = (context: Context, argument: unknown) => unknown;

const transientOperations: ReadonlySet<OperationName> = new Set([
  'stageBody',
  'stageChunks',
  'dropStagings',
  'collect',
  'keepContents',
]);

/** True for an operation of which nothing has to be there after a crash. */
export function isTransient({ operation }: Operation): boolean {
  return transientOperations.has(operation);
}

/** True for an operation that needs no transaction. */
export function isInMemory({ operation }: Operation): boolean {
  return Object.hasOwn(memoryOperations, operation);
}

/** Runs one that is {@link isInMemory}. */
export function runInMemory(context: MemoryContext, { operation, argument }: Operation): unknown {
  return (memoryOperations as Record<string, Run<MemoryContext>>)[operation]!(context, argument);
}

/** Runs any other as a whole; what it answers. */
export function runWhole(context: WriteContext, asked: Operation): unknown {
  const { operation, argument } = asked;
  const run = (shortOperations as Record<string, Run<WriteContext> | undefined>)[operation];
  if (run !== undefined) return run(context, argument);
  const work = beginSliced(context, asked);
  let step = work.next();
  // Ends: a context whose slices are never over has no reason to yield.
  while (step.done !== true) step = work.next(context);
  return step.value;
}

/** Begins one that {@link weigh} found heavy; `next` runs its first slice. */
export function beginSliced(
  context: WriteContext,
  { operation, argument }: Operation,
): SlicedWork<unknown> {
  const begin = (slicedOperations as Record<string, Run<WriteContext> | undefined>)[operation];
  if (begin === undefined) throw new Error(`There is no operation "${operation}"`);
  return begin(context, argument) as SlicedWork<unknown>;
}

/** How many messages an operation may read or change, about; 0 if it is a bounded number, or if it will be refused. */
export function weigh(database: Database, { operation, argument }: Operation): number {
  switch (operation) {
    case 'copyMessages':
    case 'moveMessages':
    case 'storeFlags':
      return (argument as OperationArgument<'storeFlags'>).uids.length;
    case 'expungeMessages': {
      const { box, uids } = argument as OperationArgument<'expungeMessages'>;
      if (uids !== undefined) return uids.length;
      const { messageCount, deletedCount } = findCounters(database, box.mailboxId);
      return deletedCount === 0 ? 0 : messageCount;
    }
    case 'renameMailbox': {
      const inbox = findInbox(database, argument as OperationArgument<'renameMailbox'>);
      return inbox === undefined ? 0 : findCounters(database, inbox).messageCount;
    }
    case 'discardCopies':
      return Infinity;
    default:
      return 0;
  }
}

/** What an operation does in a mailbox. */
export interface MailboxClaim {
  readonly mailboxId: number;
  /**
   * - `add`: adds messages at its end;
   * - `read`: must find its messages unchanged from the first slice to the last;
   * - `change`: changes messages or removes them;
   * - `all`: must not find any other work in the mailbox.
   */
  readonly access: 'add' | 'read' | 'change' | 'all';
}

/**
 * The mailboxes that an operation works on. An operation in slices holds them from its first slice to its last. Names of
 * mailboxes are held by none: those that are renamed are the same mailboxes.
 */
export function claimsOf(
  database: Database,
  { operation, argument }: Operation,
): readonly MailboxClaim[] {
  switch (operation) {
    case 'addMessage':
      return (argument as OperationArgument<'addMessage'>).targets.map(({ box }) =>
        claim('add', box),
      );
    case 'addMessages': {
      const { box, replaced } = argument as OperationArgument<'addMessages'>;
      return [
        claim('add', box),
        ...(replaced === undefined ? [] : [claim('change', replaced.box)]),
      ];
    }
    case 'changeMetadata': {
      // It takes a modseq, as messages do that are added.
      const { mailboxId } = (argument as OperationArgument<'changeMetadata'>).owner;
      return mailboxId === undefined ? [] : [claim('add', { mailboxId })];
    }
    case 'storeFlags':
    case 'expungeMessages':
      return [claim('change', (argument as OperationArgument<'storeFlags'>).box)];
    case 'copyMessages':
    case 'moveMessages': {
      const { box, target } = argument as OperationArgument<'copyMessages'>;
      // Nobody may come between copies that nobody sees yet; and what is moved is one run of UIDs.
      return [claim(operation === 'copyMessages' ? 'read' : 'change', box), claim('all', target)];
    }
    case 'discardCopies':
      return [claim('all', argument as OperationArgument<'discardCopies'>)];
    case 'renameMailbox': {
      const renamed = argument as OperationArgument<'renameMailbox'>;
      const mailboxId = findInbox(database, renamed);
      if (mailboxId === undefined) return [];
      // There from the first slice on.
      const target = findMailbox(database, renamed.accountId, renamed.newName);
      return [
        claim('change', { mailboxId }),
        ...(target === undefined ? [] : [claim('all', target)]),
      ];
    }
    case 'deleteMailbox': {
      const { accountId, name } = argument as OperationArgument<'deleteMailbox'>;
      const mailbox = findMailbox(database, accountId, name);
      return mailbox === undefined ? [] : [claim('all', mailbox)];
    }
    case 'removeAccount':
      return findMailboxIds(database, argument as OperationArgument<'removeAccount'>).map(
        (mailboxId) => claim('all', { mailboxId }),
      );
    default:
      return [];
  }
}

function claim(
  access: MailboxClaim['access'],
  { mailboxId }: Pick<MailboxKey, 'mailboxId'>,
): MailboxClaim {
  return { mailboxId, access };
}

/** INBOX, if that is what is renamed: its messages move. */
function findInbox(
  database: Database,
  { accountId, name }: OperationArgument<'renameMailbox'>,
): number | undefined {
  const mailbox = findMailbox(database, accountId, name);
  return mailbox?.name === 'INBOX' ? mailbox.mailboxId : undefined;
}

function findCounters(
  database: Database,
  mailboxId: number,
): { messageCount: number; deletedCount: number } {
  const row = database.row<[number, number]>(
    'SELECT message_count, deleted_count FROM mailboxes WHERE id = ?',
    mailboxId,
  );
  const [messageCount, deletedCount] = row ?? [0, 0];
  return { messageCount, deletedCount };
}

function findMailboxIds(
  database: Database,
  { name }: OperationArgument<'removeAccount'>,
): number[] {
  const id = findAccount(database, name)?.id ?? null;
  return database
    .rows<[number]>('SELECT id FROM mailboxes WHERE account_id = ?', id)
    .map(([mailboxId]) => mailboxId);
}
