import { Command } from 'commander';
import { checkConfig } from './check-config.ts';
import { checkHealth } from './check-health.ts';
import { describeError } from './describe-error.ts';
import { importMail } from './import-mail.ts';
import { serve } from './serve.ts';
import { addUser, changePassword, listUsers, removeUser } from './users.ts';

/** Options that every command has. */
export interface GlobalOptions {
  /** Path of a YAML file. */
  readonly config?: string;
}

/** Runs the command line; the exit code. Errors are one line each on standard error. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const program = createProgram();
  try {
    await program.parseAsync(argv, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    process.stderr.write(`${describeError(error)}\n`);
    return 1;
  }
}

function createProgram(): Command {
  const program = new Command('reprise')
    .description('An IMAP4 server whose TLS sessions resume')
    .showHelpAfterError('(add --help for what is possible)')
    .addHelpText('after', '\nThe configuration comes from REPRISE_… variables: see check-config.');
  const command = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .option('--config <file>', 'YAML file with the keys of the environment (REPRISE_CONFIG)');

  command('serve', 'Serve mail until SIGTERM or SIGINT').action((options: GlobalOptions) =>
    serve({ ...options, withDemo: false }),
  );
  command('start', 'As serve, and make an account "demo" where there is no account yet').action(
    (options: GlobalOptions) => serve({ ...options, withDemo: true }),
  );
  addUserCommands(program);
  command('import', 'Import an mbox file or a Maildir; a second run imports nothing twice')
    .requiredOption('--user <name>', 'account to import into')
    .option('--mailbox <name>', 'mailbox to import into, made if it is missing', 'INBOX')
    .argument('<path>', 'mbox file, or Maildir directory (its subfolders come along)')
    .action(importMail);
  command('check-config', 'Show the configuration in effect, or what is wrong with it').action(
    checkConfig,
  );
  command('healthcheck', 'Ask the server of this configuration whether it serves').action(
    checkHealth,
  );
  return program;
}

function addUserCommands(program: Command): void {
  const user = program.command('user').description('Add, list, change and remove accounts');
  const command = (name: string, description: string) =>
    user
      .command(name)
      .description(description)
      .option('--config <file>', 'YAML file with the keys of the environment (REPRISE_CONFIG)');
  const fromStdin = [
    '--password-stdin',
    'read the password from standard input, instead of asking for it on the terminal',
  ] as const;
  command('add', 'Make an account with an INBOX and the usual mailboxes')
    .argument('<name>', 'name for the login')
    .option(...fromStdin)
    .action(addUser);
  command('list', 'Print the name of every account, one a line').action(listUsers);
  command('passwd', 'Change the password of an account')
    .argument('<name>')
    .option(...fromStdin)
    .action(changePassword);
  command('remove', 'Remove an account with all its mail').argument('<name>').action(removeUser);
}
