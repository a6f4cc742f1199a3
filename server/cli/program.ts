import { Command } from 'commander';
import { serverVersion } from '../version.ts';
import type {
  GlobalOptions,
  ImportOptions,
  PasswordOptions,
  PurgeOptions,
  RecordOptions,
  ScriptOptions,
  SelfTestOptions,
  ServeOptions,
  SessionStatsOptions,
} from './command-options.ts';

/** Each command loads what it needs itself: most of a server is not needed to list its users. */
const commands = {
  serve: () => import('./serve.ts'),
  users: () => import('./users.ts'),
  sessions: () => import('./sessions.ts'),
  importMail: () => import('./import-mail.ts'),
  checkConfig: () => import('./check-config.ts'),
  checkHealth: () => import('./check-health.ts'),
  selfTest: () => import('./self-test.ts'),
  script: () => import('./script.ts'),
  record: () => import('./record.ts'),
};

/** Runs the command line; the exit code. Errors are one line each on standard error. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const program = createProgram();
  try {
    await program.parseAsync(argv, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    const { describeError } = await import('./describe-error.ts');
    process.stderr.write(`${describeError(error)}\n`);
    // A command may have chosen another one.
    return Number(process.exitCode ?? 1);
  }
}

function createProgram(): Command {
  const program = new Command('reprise')
    .description('An IMAP4 server whose TLS sessions resume')
    .version(serverVersion)
    .showHelpAfterError('(add --help for what is possible)')
    .addHelpText('after', '\nThe configuration comes from REPRISE_… variables: see check-config.');
  const command = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .option('--config <file>', 'YAML file with the keys of the environment (REPRISE_CONFIG)');

  const serveCommand = (name: string, description: string, withDemo: boolean) =>
    command(name, description)
      .option('--no-backup', 'do not copy the mail store before a new version changes its schema')
      .action(async (options: ServeOptions) => {
        await (await commands.serve()).serve({ ...options, withDemo });
      });
  serveCommand('serve', 'Serve mail until SIGTERM or SIGINT', false);
  serveCommand('start', 'As serve, and make an account "demo" where there is no account yet', true);
  addUserCommands(program);
  addSessionCommands(program);
  command('import', 'Import an mbox file or a Maildir; a second run imports nothing twice')
    .requiredOption('--user <name>', 'account to import into')
    .option('--mailbox <name>', 'mailbox to import into, made if it is missing', 'INBOX')
    .argument('<path>', 'mbox file, or Maildir directory (its subfolders come along)')
    .action(async (path: string, options: ImportOptions) => {
      await (await commands.importMail()).importMail(path, options);
    });
  addCheckCommands(command);
  addTranscriptCommands(program);
  return program;
}

/** Adds the commands that look at a configuration, or at what runs with it. */
function addCheckCommands(command: (name: string, description: string) => Command): void {
  command('check-config', 'Show the configuration in effect, or what is wrong with it').action(
    async (options: GlobalOptions) => {
      await (await commands.checkConfig()).checkConfig(options);
    },
  );
  command('healthcheck', 'Ask the server of this configuration whether it serves').action(
    async (options: GlobalOptions) => {
      await (await commands.checkHealth()).checkHealth(options);
    },
  );
  command('self-test', 'Try whether clients resume here, and whether memory comes back')
    .option('--json', 'as JSON, with sizes in bytes')
    .action(async (options: SelfTestOptions) => {
      await (await commands.selfTest()).selfTest(options);
    });
}

/** Adds the commands that run against any server, whatever the configuration says. */
function addTranscriptCommands(program: Command): void {
  program
    .command('script')
    .description('Run IMAP transcripts against a server and show what differs')
    .argument('<files...>', 'transcripts: see TRANSCRIPTS.md')
    .option('--host <name>', 'name or address of the server', 'localhost')
    .option('--port <number>', 'its port (default: 993 with --tls, else 143)')
    .option('--tls', 'TLS from the beginning')
    .option('--starttls', 'TLS by STARTTLS')
    .option('--ca <file>', 'PEM file of the authorities to trust')
    .option('--insecure', 'take any certificate')
    .option('--cert <file>', 'PEM file of a client certificate to show')
    .option('--key <file>', 'PEM file of its key')
    .option('--user <name>', 'account, which has no mail')
    .option('--password <text>', 'its password; others on this machine may see it')
    .option('--password-stdin', 'read the password from standard input')
    .option('--resume', 'connect once before, and then resume the TLS session each time')
    .option('--rev2', 'as IMAP4rev2')
    .option('--wipe', 'remove all mail of the account first')
    .option('--go-on', 'go on behind the first command whose answer differs')
    .option('--deadline <seconds>', 'for each expected line', '10')
    .option('--json', 'as JSON')
    .action(async (files: string[], options: ScriptOptions) => {
      await (await commands.script()).runScripts(files, options);
    });
  program
    .command('record')
    .description('Write down as a transcript what clients and a server say, without passwords')
    .requiredOption('--listen <port>', 'port of 127.0.0.1 for clients, without TLS')
    .requiredOption('--to <host:port>', 'the server')
    .option('--tls', 'TLS to the server')
    .option('--ca <file>', 'PEM file of the authorities to trust')
    .option('--insecure', 'take any certificate')
    .action(async (options: RecordOptions) => {
      await (await commands.record()).record(options);
    });
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
    .action(async (name: string, options: PasswordOptions) => {
      await (await commands.users()).addUser(name, options);
    });
  command('list', 'Print the name of every account, one a line').action(
    async (options: GlobalOptions) => {
      await (await commands.users()).listUsers(options);
    },
  );
  command('passwd', 'Change the password of an account')
    .argument('<name>')
    .option(...fromStdin)
    .action(async (name: string, options: PasswordOptions) => {
      await (await commands.users()).changePassword(name, options);
    });
  command('remove', 'Remove an account with all its mail')
    .argument('<name>')
    .action(async (name: string, options: GlobalOptions) => {
      await (await commands.users()).removeUser(name, options);
    });
}

function addSessionCommands(program: Command): void {
  const sessions = program
    .command('sessions')
    .description('See and purge the TLS sessions of the server that runs');
  const command = (name: string, description: string) =>
    sessions
      .command(name)
      .description(description)
      .option('--config <file>', 'YAML file with the keys of the environment (REPRISE_CONFIG)');
  command('stats', 'Show how many sessions there are, and what became of the others')
    .option('--json', 'as JSON, with sizes in bytes')
    .action(async (options: SessionStatsOptions) => {
      await (await commands.sessions()).showSessions(options);
    });
  command('purge', 'Forget sessions: the clients make a full handshake when they come back')
    .option('--account <name>', 'those of an account, whose connections end, too')
    .option(
      '--certificate <fingerprint>',
      'those of a client certificate, by its SHA-256, and its connections',
    )
    .option('--all', 'all of them, and the ticket keys')
    .action(async (options: PurgeOptions) => {
      await (await commands.sessions()).purgeSessions(options);
    });
}
