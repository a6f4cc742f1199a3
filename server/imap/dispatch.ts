import type { Command } from '../../protocol/command.ts';
import type { ReaderEvent } from '../../protocol/command-reader.ts';
import { StoreError } from '../../store/mail-store.ts';
import { ByeError, CommandRefusedError } from './command-error.ts';
import type { CommandHandler, CommandRequest } from './command-handler.ts';
import type { Completion } from './completion.ts';
import { commandTable, type CommandState } from './command-table.ts';
import type { CommandResult } from '../metrics/metrics-recorder.ts';
import { ConnectionLostError } from './response-stream.ts';
import type { Session } from './session.ts';

/** Carries out one event of a client's input. True when the connection is to end. */
export function handleEvent(session: Session, event: ReaderEvent): Promise<boolean> | boolean {
  switch (event.kind) {
    case 'command':
    case 'append':
      session.countCommand();
      return answer(session, event.command, {
        tag: event.tag,
        isWaiting: event.kind === 'append' && event.isWaiting,
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

async function answer(
  session: Session,
  command: Command,
  request: CommandRequest,
): Promise<boolean> {
  try {
    const completion = await begin(session, command, request);
    if (completion.isAnswered !== true) {
      await syncAfter(session, command);
      session.out.status(request.tag, 'OK', completion.text, completion.code);
    }
    count(session, command, 'ok');
    return completion.isEnd === true;
  } catch (error) {
    await answerError(session, request.tag, command, error);
    return false;
  }
}

function begin(session: Session, command: Command, request: CommandRequest): Promise<Completion> {
  const entry = commandTable[command.name];
  try {
    checkState(session, command.name, entry.state);
  } catch (error) {
    if (command.name === 'APPEND') session.connection.rejectLiteral();
    throw error;
  }
  // The table pairs each name with the handler of that command; the compiler cannot follow the pairing.
  const run = entry.run as CommandHandler<Command['name']>;
  return run(session, command, request);
}

/**
 * Message sequence numbers must not change under a client that is using them: FETCH, STORE and SEARCH hold
 * back what has changed (RFC 3501, section 7.4.1).
 */
async function syncAfter(session: Session, command: Command): Promise<void> {
  const usesNumbers =
    (command.name === 'FETCH' || command.name === 'STORE' || command.name === 'SEARCH') &&
    !command.isUid;
  if (!usesNumbers) await session.sync();
}

function checkState(session: Session, name: string, state: CommandState): void {
  if (state === 'before-login' && session.account !== undefined) {
    throw new CommandRefusedError('BAD', `${name} is not allowed after login`);
  }
  if ((state === 'after-login' || state === 'selected') && session.account === undefined) {
    throw new CommandRefusedError('BAD', `${name} needs a login first`);
  }
  if (state === 'selected' && session.selected === undefined) {
    throw new CommandRefusedError('BAD', `${name} needs a selected mailbox`);
  }
}

/** The one place where an error becomes a tagged response. */
async function answerError(
  session: Session,
  tag: string,
  command: Command,
  error: unknown,
): Promise<void> {
  if (error instanceof ByeError || error instanceof ConnectionLostError) {
    count(session, command, 'ended');
    throw error;
  }
  if (error instanceof CommandRefusedError || error instanceof StoreError) {
    await syncAfter(session, command);
    const status = error instanceof CommandRefusedError ? error.status : 'NO';
    count(session, command, status === 'NO' ? 'no' : 'bad');
    session.out.status(tag, status, error.message, error.code);
    return;
  }
  count(session, command, 'error');
  session.log('error', { err: error, command: command.name }, 'command failed');
  session.out.status(tag, 'NO', 'Internal error, it has been logged', 'SERVERBUG');
}

function count(session: Session, command: Command, result: CommandResult): void {
  session.context.metrics.recordCommand(command.name, result);
}
