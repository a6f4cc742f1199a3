import type { ReaderEvent } from '../../protocol/command-reader.ts';
import type { Command, CommandName } from '../../protocol/grammar/commands.ts';
import type { ResponseCode } from '../../protocol/response-code.ts';
import { StoreError } from '../../store/mail-store.ts';
import type { CommandResult } from '../metrics/metrics-recorder.ts';
import { ConnectionLostError } from '../net/transport.ts';
import {
  ByeError,
  CommandRefusedError,
  type CommandHandler,
  type CommandRequest,
  type Completion,
} from './command.ts';
import { commandTable, type CommandState } from './command-table.ts';
import type { Session } from './session.ts';

/** Carries out one event of a client's input. True if the connection is to end. */
export function handleEvent(session: Session, event: ReaderEvent): Promise<boolean> | boolean {
  switch (event.kind) {
    case 'command':
    case 'stream':
      session.countCommand();
      return answer(session, event.command, {
        tag: event.tag,
        isWaiting: event.kind === 'stream' && event.isWaiting,
      });
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

/** Runs a command, tells what has changed meanwhile, and answers. */
async function answer(
  session: Session,
  command: Command,
  request: CommandRequest,
): Promise<boolean> {
  let result: CommandResult = 'ended';
  try {
    const { status, text, code, isAnswered, isEnd } = await run(session, command, request);
    result = code === 'SERVERBUG' ? 'error' : resultOf(status);
    if (isAnswered !== true) {
      // What the command has done is durable, so it is answered, whatever becomes of the changes
      const failure = await syncAfter(session, command);
      session.out.status(request.tag, status, text, code);
      if (failure !== undefined) throw failure;
    }
    return isEnd === true;
  } finally {
    session.context.metrics.recordCommand(command.name, result);
  }
}

function resultOf(status: Answer['status']): CommandResult {
  return status === 'OK' ? 'ok' : status === 'NO' ? 'no' : 'bad';
}

/** The one place in which an error becomes an answer. Rejects with what ends the connection. */
async function run(session: Session, command: Command, request: CommandRequest): Promise<Answer> {
  const row = commandTable[command.name];
  const refusal = findStateRefusal(session, command.name, row.state);
  if (refusal !== undefined) {
    session.connection.rejectLiteral();
    return { status: 'BAD', text: refusal };
  }
  try {
    // The table pairs each name with the handler of that command; the compiler cannot follow the pairing
    const handler = row.run as CommandHandler<CommandName>;
    return { status: 'OK', ...(await handler(session, command, request)) };
  } catch (error) {
    if (error instanceof ByeError || error instanceof ConnectionLostError) throw error;
    if (error instanceof CommandRefusedError) {
      return { status: error.status, text: error.message, ...codeOf(error) };
    }
    if (error instanceof StoreError) return { status: 'NO', text: error.message, ...codeOf(error) };
    session.log('error', { err: error, command: command.name }, 'command failed');
    return { status: 'NO', text: 'Internal error, it has been logged', code: 'SERVERBUG' };
  }
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

/**
 * Tells the client what has changed in its mailbox. While it may use message sequence numbers only EXPUNGE waits (RFC 3501,
 * section 7.4.1). Resolves to why the client cannot be told, which ends the connection.
 */
async function syncAfter(session: Session, command: Command): Promise<Error | undefined> {
  const { numbers } = commandTable[command.name];
  const isUid = 'isUid' in command && command.isUid;
  try {
    await session.sync({ expunge: numbers === 'breaks' || isUid });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
