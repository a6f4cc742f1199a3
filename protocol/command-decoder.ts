import { CommandError } from './command-error.ts';
import type { Command } from './command.ts';
import { quoteReceived, type Decoder } from './decoder.ts';
import { expectFetchArguments } from './fetch-arguments.ts';
import { expectStoreArguments } from './flag-arguments.ts';
import {
  expectAuthenticateArguments,
  expectEnableArguments,
  expectIdArguments,
  expectLoginArguments,
} from './login-arguments.ts';
import {
  expectAppendArguments,
  expectCopyArguments,
  expectCreateArguments,
  expectListArguments,
  expectMailboxArgument,
  expectRenameArguments,
  expectSelectArguments,
  expectStatusArguments,
} from './mailbox-arguments.ts';
import { expectSearchArguments } from './search-arguments.ts';

/** Reads what stands behind a command's name, from the space before its first argument. */
type ExpectArguments = (decoder: Decoder) => Command;

const bareNames = [
  'CAPABILITY',
  'NOOP',
  'LOGOUT',
  'STARTTLS',
  'CHECK',
  'CLOSE',
  'UNSELECT',
  'IDLE',
  'NAMESPACE',
] as const;

/** The commands, by name. A new command is one line here. */
const commands = new Map<string, ExpectArguments>([
  ...bareNames.map((name): [string, ExpectArguments] => [name, () => ({ name })]),
  ['ID', expectIdArguments],
  ['ENABLE', expectEnableArguments],
  ['AUTHENTICATE', expectAuthenticateArguments],
  ['LOGIN', expectLoginArguments],
  ['SELECT', (decoder) => expectSelectArguments(decoder, 'SELECT')],
  ['EXAMINE', (decoder) => expectSelectArguments(decoder, 'EXAMINE')],
  ['CREATE', expectCreateArguments],
  ['DELETE', mailboxCommand('DELETE')],
  ['RENAME', expectRenameArguments],
  ['SUBSCRIBE', mailboxCommand('SUBSCRIBE')],
  ['UNSUBSCRIBE', mailboxCommand('UNSUBSCRIBE')],
  ['LIST', (decoder) => expectListArguments(decoder, 'LIST')],
  ['LSUB', (decoder) => expectListArguments(decoder, 'LSUB')],
  ['STATUS', expectStatusArguments],
  ['APPEND', expectAppendOutOfPlace],
  ['EXPUNGE', () => ({ name: 'EXPUNGE' })],
  ['SEARCH', (decoder) => expectSearchArguments(decoder, false)],
  ['FETCH', (decoder) => expectFetchArguments(decoder, false)],
  ['STORE', (decoder) => expectStoreArguments(decoder, false)],
  ['COPY', (decoder) => expectCopyArguments(decoder, 'COPY', false)],
  ['MOVE', (decoder) => expectCopyArguments(decoder, 'MOVE', false)],
]);

/** The commands behind `UID`. @see RFC 3501, section 6.4.8; RFC 4315, section 2.1; RFC 6851 */
const uidCommands = new Map<string, ExpectArguments>([
  ['EXPUNGE', expectUidExpungeArguments],
  ['SEARCH', (decoder) => expectSearchArguments(decoder, true)],
  ['FETCH', (decoder) => expectFetchArguments(decoder, true)],
  ['STORE', (decoder) => expectStoreArguments(decoder, true)],
  ['COPY', (decoder) => expectCopyArguments(decoder, 'COPY', true)],
  ['MOVE', (decoder) => expectCopyArguments(decoder, 'MOVE', true)],
]);

/** A command's name and how its arguments are read. */
export interface CommandStart {
  /** In capitals; with `UID ` before it for the UID form. */
  readonly name: string;
  readonly expectArguments: ExpectArguments;
}

/** The name of a command, behind its tag and the space. Throws CommandError where there is no such command. */
export function expectCommandName(decoder: Decoder): CommandStart {
  let name = decoder.expectAtom('command').toUpperCase();
  let expectArguments = commands.get(name);
  if (name === 'UID') {
    decoder.expectSpace();
    const second = decoder.expectAtom('command').toUpperCase();
    name = `UID ${second}`;
    expectArguments = uidCommands.get(second);
  }
  if (!expectArguments) throw new CommandError(`Unknown command ${quoteReceived(name)}`);
  return { name, expectArguments };
}

/** A whole command behind its tag and the space. Throws CommandError where it is not one. */
export function expectCommand(decoder: Decoder): Command {
  const command = expectCommandName(decoder).expectArguments(decoder);
  decoder.expectEnd();
  return command;
}

function mailboxCommand(name: 'DELETE' | 'SUBSCRIBE' | 'UNSUBSCRIBE'): ExpectArguments {
  return (decoder) => ({ name, mailboxName: expectMailboxArgument(decoder) });
}

function expectUidExpungeArguments(decoder: Decoder): Command {
  decoder.expectSpace();
  return { name: 'EXPUNGE', uids: decoder.expectSequenceSet() };
}

/** The reader takes an APPEND apart when its message is announced; one that comes here whole announces none. */
function expectAppendOutOfPlace(decoder: Decoder): Command {
  expectAppendArguments(decoder);
  throw decoder.expected('message as the last argument');
}
