import { stat } from 'node:fs/promises';
import { SingleBar } from 'cli-progress';
import { normalizeMailboxName } from '../../protocol/mailbox-name.ts';
import { StoreError } from '../../store/mail-store.ts';
import type { Administration } from '../control/administration.ts';
import { type ImportCounts, importMessages, noCounts } from '../import/import-messages.ts';
import type { ImportSource } from '../import/import-source.ts';
import { type Maildir, openMaildir } from '../import/maildir.ts';
import { openMbox } from '../import/mbox.ts';
import { SeenMessages } from '../import/seen-messages.ts';
import { readCommandConfiguration } from './command-configuration.ts';
import type { ImportOptions } from './command-options.ts';
import { openAdministration } from './open-administration.ts';

/** `import`: exit code 1 unless everything came along; what did not is named on standard error. */
export async function importMail(path: string, options: ImportOptions): Promise<void> {
  const configuration = readCommandConfiguration(options);
  const mailboxName = normalizeMailboxName(options.mailbox);
  const { folders, subscriptions, losses } = await openSource(path, mailboxName);
  await using parts = new AsyncDisposableStack();
  const administration = await openAdministration(configuration);
  parts.defer(() => administration.close());
  const seen = new SeenMessages();
  parts.defer(() => seen.close());
  const run = new ImportCommand(administration, seen, options.user);
  for (const { origin, reason } of losses) run.lose(origin, reason);
  for (const folder of folders) await run.importFolder(folder);
  for (const name of subscriptions) await run.subscribe(name);
  run.finish();
}

async function openSource(path: string, mailboxName: string): Promise<Maildir> {
  if ((await stat(path)).isDirectory()) return openMaildir(path, mailboxName);
  return { folders: [await openMbox(path, mailboxName)], subscriptions: [], losses: [] };
}

/** One run of the command: adds up what becomes of its mailboxes, and tells it. */
class ImportCommand {
  readonly #administration: Administration;
  readonly #seen: SeenMessages;
  readonly #userName: string;
  readonly #total = noCounts();
  #folderCount = 0;

  constructor(administration: Administration, seen: SeenMessages, userName: string) {
    this.#administration = administration;
    this.#seen = seen;
    this.#userName = userName;
  }

  /** A mailbox that cannot be made is refused, with all its messages; the others come. */
  async importFolder(folder: ImportSource): Promise<void> {
    let counts: ImportCounts;
    try {
      counts = await this.#importMessages(folder);
    } catch (error) {
      if (!isNameFault(error)) throw error;
      console.error(`reprise: Refused mailbox "${folder.mailboxName}": ${error.message}`);
      counts = { ...noCounts(), refused: folder.totalUnits, losses: 1 };
    }
    console.log(`${folder.mailboxName}: ${describe(counts)}`);
    this.#folderCount += 1;
    for (const key of Object.keys(counts) as (keyof ImportCounts)[]) {
      this.#total[key] += counts[key];
    }
  }

  async subscribe(mailboxName: string): Promise<void> {
    try {
      await this.#administration.subscribe(this.#userName, mailboxName);
    } catch (error) {
      if (!isNameFault(error)) throw error;
      this.lose(`subscription to "${mailboxName}"`, error.message);
    }
  }

  lose(origin: string, reason: string): void {
    console.error(`reprise: Left out ${origin}: ${reason}`);
    this.#total.losses += 1;
  }

  finish(): void {
    if (this.#folderCount !== 1) console.log(`In all: ${describe(this.#total)}`);
    if (this.#total.refused + this.#total.losses > 0) process.exitCode = 1;
  }

  async #importMessages(source: ImportSource): Promise<ImportCounts> {
    const target = await this.#administration.openImport(this.#userName, source.mailboxName);
    const lines: string[] = [];
    // Draws on standard error, and only on a terminal.
    const bar = new SingleBar({
      format: '{mailbox} [{bar}] {percentage}% | {eta_formatted} left',
      barsize: 30,
      noTTYOutput: false,
      clearOnComplete: true,
      hideCursor: true,
    });
    bar.start(source.totalUnits, 0, { mailbox: source.mailboxName });
    try {
      return await importMessages(source, target, this.#seen, {
        onProgress: (units) => bar.update(units),
        onRefused: (origin, reason) => lines.push(`reprise: Refused ${origin}: ${reason}`),
        onLoss: (origin, reason) => lines.push(`reprise: Left out ${origin}: ${reason}`),
      });
    } finally {
      bar.stop();
      for (const line of lines) console.error(line);
    }
  }
}

/** True if an account cannot have a mailbox of this name, and others it can. */
function isNameFault(error: unknown): error is StoreError {
  return error instanceof StoreError && (error.code === 'CANNOT' || error.code === 'LIMIT');
}

function describe({ added, skipped, refused, deleted }: ImportCounts): string {
  const text = `${added} imported, ${skipped} already there, ${refused} refused`;
  return deleted === 0 ? text : `${text}, ${deleted} deleted before`;
}
