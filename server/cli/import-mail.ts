import { stat } from 'node:fs/promises';
import { SingleBar } from 'cli-progress';
import { findMailboxNameFault, normalizeMailboxName } from '../../protocol/mailbox-name.ts';
import { StoreError } from '../../store/mail-store.ts';
import type { Administration } from '../control/administration.ts';
import { type ImportCounts, importMessages } from '../import/import-messages.ts';
import { ImportJournal } from '../import/import-journal.ts';
import type { ImportSource } from '../import/import-source.ts';
import { openMaildir } from '../import/maildir.ts';
import { openMbox } from '../import/mbox.ts';
import { readCommandConfiguration } from './command-configuration.ts';
import type { ImportOptions } from './command-options.ts';
import { openAdministration } from './open-administration.ts';

/** `import`: exit code 1 where a message was refused. */
export async function importMail(path: string, options: ImportOptions): Promise<void> {
  const configuration = readCommandConfiguration(options);
  const { dataDirectory } = configuration;
  const mailboxName = normalizeMailboxName(options.mailbox);
  const fault = findMailboxNameFault(mailboxName);
  if (fault !== undefined) throw new StoreError('CANNOT', `${fault}, got "${options.mailbox}"`);
  const isDirectory = (await stat(path)).isDirectory();
  const sources = isDirectory
    ? await openMaildir(path, mailboxName)
    : [await openMbox(path, mailboxName)];
  await using parts = new AsyncDisposableStack();
  const administration = await openAdministration(configuration);
  parts.defer(() => administration.close());
  const journal = new ImportJournal(dataDirectory);
  parts.defer(() => journal.close());
  const total: ImportCounts = { added: 0, skipped: 0, refused: 0 };
  for (const source of sources) {
    const counts = await importSource(administration, journal, options.user, source);
    console.log(`${source.mailboxName}: ${describe(counts)}`);
    total.added += counts.added;
    total.skipped += counts.skipped;
    total.refused += counts.refused;
  }
  if (sources.length > 1) console.log(`In all: ${describe(total)}`);
  if (total.refused > 0) process.exitCode = 1;
}

async function importSource(
  administration: Administration,
  journal: ImportJournal,
  userName: string,
  source: ImportSource,
): Promise<ImportCounts> {
  const target = await administration.openImport(userName, source.mailboxName);
  const refusals: string[] = [];
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
    return await importMessages(source, target, journal, {
      onProgress: (units) => bar.update(units),
      onRefused: (origin, reason) => refusals.push(`reprise: Refused ${origin}: ${reason}`),
    });
  } finally {
    bar.stop();
    for (const refusal of refusals) console.error(refusal);
  }
}

function describe({ added, skipped, refused }: ImportCounts): string {
  return `${added} imported, ${skipped} already there, ${refused} refused`;
}
