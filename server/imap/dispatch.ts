import type { ReaderEvent } from '../../protocol/command-reader.ts';
import type { Command, CommandName, CommandNamed } from '../../protocol/grammar/commands.ts';
import type { ResponseCode } from '../../protocol/response-code.ts';
import { hasSequenceKey } from '../../protocol/search-key.ts';
import { StoreError } from '../../store/mail-store.ts';
import type { CommandResult } from '../metrics/metrics-recorder.ts';
import { ConnectionLostError } from '../net/byte-stream.ts';
import { ByeError, CommandRefusedError, uidRequired } from './responses.ts';
import { findReferral } from './remote-mailboxes.ts';
import type { Session } from './session.ts';
import { append } from './commands/append.ts';
import { authenticate } from './commands/authenticate.ts';
import { cancelUpdate } from './commands/cancel-update.ts';
import { capability } from './commands/capability.ts';
import { closeMailbox } from './commands/close.ts';
import { compress } from './commands/compress.ts';
import { copyOrMove } from './commands/copy.ts';
import { createMailbox } from './commands/create.ts';
import { deleteMailbox } from './commands/delete.ts';
import { enable } from './commands/enable.ts';
import { searchMailboxes } from './commands/search-mailboxes.ts';
import { expunge } from './commands/expunge.ts';
import { fetch } from './commands/fetch.ts';
import { identify } from './commands/id.ts';
import { idle } from './commands/idle.ts';
import { language } from './commands/language.ts';
import { list, listWithRemote } from './commands/list.ts';
import { login } from './commands/login.ts';
import { logout } from './commands/logout.ts';
import { listSubscribed } from './commands/lsub.ts';
import { getMetadata, setMetadata } from './commands/metadata.ts';
import { namespace } from './commands/namespace.ts';
import { check, noop } from './commands/noop.ts';
import { notify } from './commands/notify.ts';
import { renameMailbox } from './commands/rename.ts';
import { replace } from './commands/replace.ts';
import { search } from './commands/search.ts';
import { select } from './commands/select.ts';
import { sort } from './commands/sort.ts';
import { startTls } from './commands/starttls.ts';
import { status } from './commands/status.ts';
import { store } from './commands/store.ts';
import { subscribe } from './commands/subscribe.ts';
import { thread } from './commands/thread.ts';
import { uidBatches } from './commands/uid-batches.ts';
import { unauthenticate } from './commands/unauthenticate.ts';
import { unselect } from './commands/unselect.ts';

/** What a command that worked is answered with: `tag OK [code] text`. */
export interface Completion {
  readonly text: string;
  /** Response code without brackets. */
  readonly code?: ResponseCode;
  /** True if the connection ends after the answer. */
  readonly isEnd?: boolean;
  /** True if the command has written its tagged response itself. */
  readonly isAnswered?: boolean;
}

/** How a command came. */
export interface CommandRequest {
  /** For a command that answers before it ends (STARTTLS, COMPRESS). */
  readonly tag: string;
  /** True if the client waits for a continuation request before it sends its message (APPEND). */
  readonly isWaiting: boolean;
  /**
   * Called by a command that has read all of its input and needs nothing more that another could change: the next ones are
   * read while it goes on. Absent: they wait for its answer.
   */
  readonly onRead?: () => void;
}

/**
 * Carries out one command and resolves to how it is answered; rejects with a {@link CommandRefusedError} or a StoreError
 * for a refusal.
 */
export type CommandHandler<Name extends CommandName> = (
  session: Session,
  command: CommandNamed<Name>,
  request: CommandRequest,
) => Promise<Completion>;

/** What a client must have reached before it may use a command. @see RFC 3501, section 3 */
export type CommandState = 'any' | 'before-login' | 'after-login' | 'selected';

/**
 * What a command does to message sequence numbers:
 *
 * - `uses`: its answer names messages by them, so none may go while it runs; the UID form does not use them
 * - `breaks`: it may tell the client of messages that are gone, so that the numbers behind them change
 *
 * @see RFC 3501, section 7.4.1
 */
export type NumberUse = 'uses' | 'breaks';

/** When a command is allowed, what it does to message sequence numbers, and what carries it out. */
interface CommandRow<Name extends CommandName> {
  readonly state: CommandState;
  readonly numbers: NumberUse;
  /**
   * False for a command of a selected mailbox that does without its messages, which are then not read for it. Absent: they are
   * there when it runs.
   */
  readonly needsMessages?: false;
  readonly run: CommandHandler<Name>;
}

/** Every command of the grammar (protocol/grammar/commands.ts), as the server carries it out. */
export const commandTable: { readonly [Name in CommandName]: CommandRow<Name> } = {
  APPEND: { state: 'after-login', numbers: 'breaks', run: append },
  AUTHENTICATE: { state: 'before-login', numbers: 'breaks', run: authenticate },
  CANCELUPDATE: { state: 'selected', numbers: 'breaks', run: cancelUpdate },
  CAPABILITY: { state: 'any', numbers: 'breaks', run: capability },
  CHECK: { state: 'selected', numbers: 'breaks', needsMessages: false, run: check },
  CLOSE: { state: 'selected', numbers: 'breaks', needsMessages: false, run: closeMailbox },
  COMPRESS: { state: 'after-login', numbers: 'breaks', run: compress },
  COPY: { state: 'selected', numbers: 'breaks', run: copyOrMove },
  CREATE: { state: 'after-login', numbers: 'breaks', run: createMailbox },
  DELETE: { state: 'after-login', numbers: 'breaks', run: deleteMailbox },
  ENABLE: { state: 'after-login', numbers: 'breaks', run: enable },
  ESEARCH: { state: 'after-login', numbers: 'uses', run: searchMailboxes },
  EXAMINE: { state: 'after-login', numbers: 'breaks', run: select },
  EXPUNGE: { state: 'selected', numbers: 'breaks', run: expunge },
  FETCH: { state: 'selected', numbers: 'uses', run: fetch },
  GETMETADATA: { state: 'after-login', numbers: 'breaks', run: getMetadata },
  ID: { state: 'any', numbers: 'breaks', run: identify },
  IDLE: { state: 'after-login', numbers: 'breaks', run: idle },
  LANGUAGE: { state: 'any', numbers: 'breaks', run: language },
  LIST: { state: 'after-login', numbers: 'breaks', run: list },
  LOGIN: { state: 'before-login', numbers: 'breaks', run: login },
  LOGOUT: { state: 'any', numbers: 'breaks', run: logout },
  LSUB: { state: 'after-login', numbers: 'breaks', run: listSubscribed },
  MOVE: { state: 'selected', numbers: 'breaks', run: copyOrMove },
  NAMESPACE: { state: 'after-login', numbers: 'breaks', run: namespace },
  NOOP: { state: 'any', numbers: 'breaks', run: noop },
  NOTIFY: { state: 'after-login', numbers: 'breaks', run: notify },
  REPLACE: { state: 'selected', numbers: 'breaks', run: replace },
  RENAME: { state: 'after-login', numbers: 'breaks', run: renameMailbox },
  RLIST: { state: 'after-login', numbers: 'breaks', run: listWithRemote },
  RLSUB: { state: 'after-login', numbers: 'breaks', run: listSubscribed },
  SEARCH: { state: 'selected', numbers: 'uses', run: search },
  SELECT: { state: 'after-login', numbers: 'breaks', run: select },
  SORT: { state: 'selected', numbers: 'uses', run: sort },
  SETMETADATA: { state: 'after-login', numbers: 'breaks', run: setMetadata },
  STARTTLS: { state: 'before-login', numbers: 'breaks', run: startTls },
  STATUS: { state: 'after-login', numbers: 'breaks', run: status },
  STORE: { state: 'selected', numbers: 'uses', run: store },
  SUBSCRIBE: { state: 'after-login', numbers: 'breaks', run: subscribe },
  THREAD: { state: 'selected', numbers: 'uses', run: thread },
  UIDBATCHES: { state: 'selected', numbers: 'breaks', run: uidBatches },
  UNAUTHENTICATE: { state: 'after-login', numbers: 'breaks', run: unauthenticate },
  UNSELECT: { state: 'selected', numbers: 'breaks', needsMessages: false, run: unselect },
  UNSUBSCRIBE: { state: 'after-login', numbers: 'breaks', run: subscribe },
};

/**
 * Carries out one event of a client's input, once what was before it is answered, or goes on by itself. True if the
 * connection is to end.
 */
export function handleEvent(session: Session, event: ReaderEvent): Promise<boolean> | boolean {
  const { answers } = session.connection;
  if (answers.isEmpty) return handleNext(session, event);
  const bytes = bytesBesideOthers(session, event);
  const turn = bytes === undefined ? answers.settle() : answers.room(bytes);
  return turn.then(() => handleNext(session, event));
}

/** Bytes of a message that may be added while others of the client are not answered; undefined if it may not. */
function bytesBesideOthers(session: Session, event: ReaderEvent): number | undefined {
  // A client that waits for a continuation request is first told what was before.
  if (event.kind !== 'stream' || event.isWaiting) return undefined;
  const { name, sizeBytes } = event.command;
  if (name !== 'APPEND' || sizeBytes === undefined) return undefined;
  return sizeBytes <= session.context.limits.maxUnansweredBytes / 4 ? sizeBytes : undefined;
}

function handleNext(session: Session, event: ReaderEvent): Promise<boolean> | boolean {
  switch (event.kind) {
    case 'command':
    case 'stream': {
      session.countCommand();
      const { tag, command } = event;
      const isWaiting = event.kind === 'stream' && event.isWaiting;
      const bytes = bytesBesideOthers(session, event);
      if (bytes !== undefined) return goOn(session, command, { tag, isWaiting }, bytes);
      session.beginCommand(tag);
      return answer(session, { tag, command }, begin(session, command, { tag, isWaiting }));
    }
    case 'bad':
      session.out.status(event.tag ?? '*', event.isNo ? 'NO' : 'BAD', event.text, event.code);
      session.context.metrics.recordCommand(undefined, event.isNo ? 'no' : 'bad');
      session.countBadCommand();
      return false;
    default:
      throw new Error(`Unexpected ${event.kind} event`);
  }
}

/** How a command is answered: what its handler resolved or rejected to. */
interface Answer extends Completion {
  readonly status: 'OK' | 'NO' | 'BAD';
}

/** Begins a command that is answered when it is its turn; resolves when the next one may be read. */
async function goOn(
  session: Session,
  command: Command,
  request: CommandRequest,
  bytes: number,
): Promise<false> {
  const { tag } = request;
  const { promise, resolve } = Promise.withResolvers<void>();
  const begun = begin(session, command, { ...request, onRead: resolve });
  // Why it rejects is looked at when it is answered.
  begun.then(
    () => resolve(),
    () => resolve(),
  );
  await promise;
  session.connection.answers.add(bytes, async () => {
    await answer(session, { tag, command }, begun);
    session.connection.flushSoon();
  });
  return false;
}

/** Tells what has changed while a command ran, and answers it. True if the connection is to end. */
async function answer(
  session: Session,
  { tag, command }: { readonly tag: string; readonly command: Command },
  begun: Promise<Answer>,
): Promise<boolean> {
  let result: CommandResult = 'ended';
  try {
    const { status, text, code, isAnswered, isEnd } = await begun.catch((error: unknown) =>
      refusalOf(session, command, error),
    );
    result = code === 'SERVERBUG' ? 'error' : resultOf(status);
    if (isAnswered !== true) {
      // What the command has done is durable, so it is answered, whatever becomes of the changes
      const failure = await syncAfter(session, command);
      session.out.status(tag, status, text, code);
      if (failure !== undefined) throw failure;
    }
    return isEnd === true;
  } finally {
    session.endCommand();
    session.context.metrics.recordCommand(command.name, result);
  }
}

function resultOf(status: Answer['status']): CommandResult {
  return status === 'OK' ? 'ok' : status === 'NO' ? 'no' : 'bad';
}

/** Runs a command if it is allowed; rejects to why it is refused, or what ends the connection. */
async function begin(session: Session, command: Command, request: CommandRequest): Promise<Answer> {
  const row = commandTable[command.name];
  const refusal = findStateRefusal(session, command.name, row.state);
  if (refusal !== undefined) {
    session.connection.rejectLiteral();
    return { status: 'BAD', text: refusal };
  }
  if (session.isUidOnly && namesNumbers(command)) {
    session.connection.rejectLiteral();
    throw uidRequired();
  }
  const referral = row.state === 'any' ? undefined : findReferral(session, command);
  if (referral !== undefined) {
    // A SELECT that fails leaves no mailbox selected (RFC 3501, section 6.3.1).
    if (command.name === 'SELECT' || command.name === 'EXAMINE') session.unselect();
    session.connection.rejectLiteral();
    throw referral;
  }
  // The table pairs each name with the handler of that command; the compiler cannot follow the pairing
  const handler = row.run as CommandHandler<CommandName>;
  if (row.state === 'selected' && row.needsMessages !== false) await session.view.load();
  return { status: 'OK', ...(await handler(session, command, request)) };
}

/** The one place in which an error becomes an answer. Throws what ends the connection. */
function refusalOf(session: Session, command: Command, error: unknown): Answer {
  if (error instanceof ByeError || error instanceof ConnectionLostError) throw error;
  if (error instanceof CommandRefusedError) {
    return { status: error.status, text: error.message, ...codeOf(error) };
  }
  if (error instanceof StoreError) {
    // The client is not told where; whoever repairs the store wants to know.
    if (error.code === 'CORRUPTION') {
      session.log('error', { err: error, command: command.name }, 'mail store is damaged');
    }
    // If it cannot be, whoever writes next ends the connection.
    session.out.takeBack();
    return { status: 'NO', text: error.message, ...codeOf(error) };
  }
  session.log('error', { err: error, command: command.name }, 'command failed');
  return { status: 'NO', text: 'Internal error, it has been logged', code: 'SERVERBUG' };
}

function codeOf({ code }: { readonly code: ResponseCode | undefined }): Pick<Completion, 'code'> {
  return code === undefined ? {} : { code };
}

function findStateRefusal(
  session: Session,
  name: CommandName,
  state: CommandState,
): string | undefined {
  const isLoggedIn = session.account !== undefined;
  if (state === 'before-login')
    return isLoggedIn ? `${name} is not allowed after login` : undefined;
  if (state !== 'any' && !isLoggedIn) return `${name} needs a login first`;
  const isMissing = state === 'selected' && session.selected === undefined;
  return isMissing ? `${name} needs a selected mailbox` : undefined;
}

/** True if a command names messages by their numbers, or would be answered by these. */
function namesNumbers(command: Command): boolean {
  if ('criteria' in command && hasSequenceKey(command.criteria)) return true;
  return 'isUid' in command && !command.isUid && command.name !== 'EXPUNGE';
}

/** True if messages are named by their numbers: by UID SEARCH, too, if its criteria do (RFC 7162, section 3.2.10.2). */
function usesNumbers(command: Command): boolean {
  if (commandTable[command.name].numbers === 'breaks') return false;
  if (!('isUid' in command && command.isUid)) return true;
  return 'criteria' in command && hasSequenceKey(command.criteria);
}

/**
 * Tells the client what has changed in its mailbox. While it may use message sequence numbers only EXPUNGE waits (RFC 3501,
 * section 7.4.1). Resolves to why the client cannot be told, which ends the connection; undefined if no mailbox is selected.
 */
function syncAfter(session: Session, command: Command): Promise<Error | undefined> | undefined {
  return session.sync({ expunge: !usesNumbers(command) })?.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
}
