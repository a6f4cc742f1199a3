import type { CommandName } from '../../protocol/grammar/commands.ts';
import { append } from './commands/append.ts';
import { authenticate } from './commands/authenticate.ts';
import { capability } from './commands/capability.ts';
import { closeMailbox } from './commands/close.ts';
import { copyOrMove } from './commands/copy.ts';
import { createMailbox } from './commands/create.ts';
import { deleteMailbox } from './commands/delete.ts';
import { enable } from './commands/enable.ts';
import { expunge } from './commands/expunge.ts';
import { fetch } from './commands/fetch.ts';
import { identify } from './commands/id.ts';
import { idle } from './commands/idle.ts';
import { list } from './commands/list.ts';
import { login } from './commands/login.ts';
import { logout } from './commands/logout.ts';
import { listSubscribed } from './commands/lsub.ts';
import { namespace } from './commands/namespace.ts';
import { check, noop } from './commands/noop.ts';
import { renameMailbox } from './commands/rename.ts';
import { search } from './commands/search.ts';
import { select } from './commands/select.ts';
import { startTls } from './commands/starttls.ts';
import { status } from './commands/status.ts';
import { store } from './commands/store.ts';
import { subscribe } from './commands/subscribe.ts';
import { unselect } from './commands/unselect.ts';
import type { CommandHandler } from './command.ts';

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
  readonly run: CommandHandler<Name>;
}

/** Every command of the grammar (protocol/grammar/commands.ts), as the server carries it out. */
export const commandTable: { readonly [Name in CommandName]: CommandRow<Name> } = {
  APPEND: { state: 'after-login', numbers: 'breaks', run: append },
  AUTHENTICATE: { state: 'before-login', numbers: 'breaks', run: authenticate },
  CAPABILITY: { state: 'any', numbers: 'breaks', run: capability },
  CHECK: { state: 'selected', numbers: 'breaks', run: check },
  CLOSE: { state: 'selected', numbers: 'breaks', run: closeMailbox },
  COPY: { state: 'selected', numbers: 'breaks', run: copyOrMove },
  CREATE: { state: 'after-login', numbers: 'breaks', run: createMailbox },
  DELETE: { state: 'after-login', numbers: 'breaks', run: deleteMailbox },
  ENABLE: { state: 'after-login', numbers: 'breaks', run: enable },
  EXAMINE: { state: 'after-login', numbers: 'breaks', run: select },
  EXPUNGE: { state: 'selected', numbers: 'breaks', run: expunge },
  FETCH: { state: 'selected', numbers: 'uses', run: fetch },
  ID: { state: 'any', numbers: 'breaks', run: identify },
  IDLE: { state: 'after-login', numbers: 'breaks', run: idle },
  LIST: { state: 'after-login', numbers: 'breaks', run: list },
  LOGIN: { state: 'before-login', numbers: 'breaks', run: login },
  LOGOUT: { state: 'any', numbers: 'breaks', run: logout },
  LSUB: { state: 'after-login', numbers: 'breaks', run: listSubscribed },
  MOVE: { state: 'selected', numbers: 'breaks', run: copyOrMove },
  NAMESPACE: { state: 'after-login', numbers: 'breaks', run: namespace },
  NOOP: { state: 'any', numbers: 'breaks', run: noop },
  RENAME: { state: 'after-login', numbers: 'breaks', run: renameMailbox },
  SEARCH: { state: 'selected', numbers: 'uses', run: search },
  SELECT: { state: 'after-login', numbers: 'breaks', run: select },
  STARTTLS: { state: 'before-login', numbers: 'breaks', run: startTls },
  STATUS: { state: 'after-login', numbers: 'breaks', run: status },
  STORE: { state: 'selected', numbers: 'uses', run: store },
  SUBSCRIBE: { state: 'after-login', numbers: 'breaks', run: subscribe },
  UNSELECT: { state: 'selected', numbers: 'breaks', run: unselect },
  UNSUBSCRIBE: { state: 'after-login', numbers: 'breaks', run: subscribe },
};
