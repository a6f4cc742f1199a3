import type { Command } from '../../protocol/command.ts';
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
import type { CommandHandler } from './command-handler.ts';

/** What a client must have reached before it may use a command. @see RFC 3501, section 3 */
export type CommandState = 'any' | 'before-login' | 'after-login' | 'selected';

/** Where a command is allowed, and what carries it out. */
interface CommandEntry<Name extends Command['name']> {
  readonly state: CommandState;
  readonly run: CommandHandler<Name>;
}

/** Every command of the server. */
export const commandTable: { readonly [Name in Command['name']]: CommandEntry<Name> } = {
  APPEND: { state: 'after-login', run: append },
  AUTHENTICATE: { state: 'before-login', run: authenticate },
  CAPABILITY: { state: 'any', run: capability },
  CHECK: { state: 'selected', run: check },
  CLOSE: { state: 'selected', run: closeMailbox },
  COPY: { state: 'selected', run: copyOrMove },
  CREATE: { state: 'after-login', run: createMailbox },
  DELETE: { state: 'after-login', run: deleteMailbox },
  ENABLE: { state: 'after-login', run: enable },
  EXAMINE: { state: 'after-login', run: select },
  EXPUNGE: { state: 'selected', run: expunge },
  FETCH: { state: 'selected', run: fetch },
  ID: { state: 'any', run: identify },
  IDLE: { state: 'after-login', run: idle },
  LIST: { state: 'after-login', run: list },
  LOGIN: { state: 'before-login', run: login },
  LOGOUT: { state: 'any', run: logout },
  LSUB: { state: 'after-login', run: listSubscribed },
  MOVE: { state: 'selected', run: copyOrMove },
  NAMESPACE: { state: 'after-login', run: namespace },
  NOOP: { state: 'any', run: noop },
  RENAME: { state: 'after-login', run: renameMailbox },
  SEARCH: { state: 'selected', run: search },
  SELECT: { state: 'after-login', run: select },
  STARTTLS: { state: 'before-login', run: startTls },
  STATUS: { state: 'after-login', run: status },
  STORE: { state: 'selected', run: store },
  SUBSCRIBE: { state: 'after-login', run: subscribe },
  UNSELECT: { state: 'selected', run: unselect },
  UNSUBSCRIBE: { state: 'after-login', run: subscribe },
};
