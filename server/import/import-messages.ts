import type { ImportJournal, PendingMessage } from './import-journal.ts';
import type { ImportSource, SourceMessage, SourceReport } from './import-source.ts';
import type { ImportMessage, ImportTarget } from './import-target.ts';
import { importLimits } from './limits.ts';
import { unreadableReason } from './message-file.ts';

export interface ImportCounts {
  added: number;
  /** Imported already, by this or an earlier run. */
  skipped: number;
  /** Messages and files that were found and could not be imported. */
  refused: number;
  /** Left out because their mail program had deleted them. */
  deleted: number;
  /** Keywords, folders and the like that did not come along. */
  losses: number;
}

/** An import that has not added anything yet. */
export function noCounts(): ImportCounts {
  return { added: 0, skipped: 0, refused: 0, deleted: 0, losses: 0 };
}

/** Told as the import goes on. */
export type ImportReport = Omit<SourceReport, 'onDeleted'>;

/** Adds the messages of a source that the journal does not know yet; returns how many those were. */
export async function importMessages(
  source: ImportSource,
  target: ImportTarget,
  journal: ImportJournal,
  report: ImportReport,
): Promise<ImportCounts> {
  const run = new ImportRun(target, journal, report);
  await run.recover();
  for await (const message of source.messages(run)) await run.add(message);
  await run.finish();
  return run.counts;
}

class ImportRun implements SourceReport {
  readonly counts = noCounts();
  readonly #target: ImportTarget;
  readonly #journal: ImportJournal;
  readonly #report: ImportReport;
  #batch: SourceMessage[] = [];
  #batchBytes = 0;
  /** Added and not yet noted as such: the next step does both. */
  #added: Pick<SourceMessage, 'sha256'>[] = [];

  constructor(target: ImportTarget, journal: ImportJournal, report: ImportReport) {
    this.#target = target;
    this.#journal = journal;
    this.#report = report;
  }

  onProgress(units: number): void {
    this.#report.onProgress(units);
  }

  onRefused(origin: string, reason: string): void {
    this.counts.refused += 1;
    this.#report.onRefused(origin, reason);
  }

  onDeleted(): void {
    this.counts.deleted += 1;
  }

  onLoss(origin: string, reason: string): void {
    this.counts.losses += 1;
    this.#report.onLoss(origin, reason);
  }

  /** Finds out what became of the messages that a run was adding when it was killed. */
  async recover(): Promise<void> {
    const pending = this.#journal.pending(this.#target.key);
    if (pending.length === 0) return;
    const fromUid = Math.min(...pending.map((message) => message.fromUid));
    const found = await this.#target.countMessages(fromUid, pending);
    const added = [...Map.groupBy(pending, (message) => message.sha256).entries()].flatMap(
      ([sha256, messages]) => {
        const count = found[pending.findIndex((message) => message.sha256 === sha256)] ?? 0;
        return messages.slice(0, count);
      },
    );
    this.#journal.advance(this.#target.key, added, []);
  }

  async add(message: SourceMessage): Promise<void> {
    if (this.#journal.isImported(this.#target.key, message.sha256)) {
      this.counts.skipped += 1;
      return;
    }
    const isFull =
      this.#batch.length >= importLimits.maxBatchMessages ||
      (this.#batch.length > 0 && this.#batchBytes + message.sizeBytes > importLimits.maxBatchBytes);
    if (isFull) await this.#addBatch();
    this.#batch.push(message);
    this.#batchBytes += message.sizeBytes;
  }

  async finish(): Promise<void> {
    if (this.#batch.length > 0) await this.#addBatch();
    if (this.#added.length > 0) this.#journal.advance(this.#target.key, this.#added, []);
  }

  async #addBatch(): Promise<void> {
    const batch = this.#batch;
    const fromUid = await this.#target.uidNext();
    const next: PendingMessage[] = batch.map(({ sha256, sizeBytes }) => ({
      sha256,
      sizeBytes,
      fromUid,
    }));
    this.#journal.advance(this.#target.key, this.#added, next);
    const readings = batch.map((message) => new AnnouncedReading(message));
    const outcomes = await this.#target.addMessages(readings);
    this.#batch = [];
    this.#batchBytes = 0;
    this.#added = batch
      .filter((_, index) => outcomes[index]?.kind === 'added')
      .map(({ sha256 }) => ({ sha256 }));
    this.counts.added += this.#added.length;
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.kind !== 'refused') continue;
      this.onRefused(batch[index]?.origin ?? '', readings[index]?.fault ?? outcome.reason);
    }
  }
}

const zeros = Buffer.alloc(importLimits.maxFragmentBytes);

/**
 * A message that gives as many bytes as were announced, whatever becomes of its file: a server waits for them. Zeros stand in
 * for what cannot be read, so that the hash is not the announced one and the target refuses the message, and it alone.
 */
class AnnouncedReading implements ImportMessage {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly flags: SourceMessage['flags'];
  readonly internalDate: SourceMessage['internalDate'];
  /** Why the file could not be read; undefined if it could. */
  fault: string | undefined;
  readonly #message: SourceMessage;

  constructor(message: SourceMessage) {
    this.sha256 = message.sha256;
    this.sizeBytes = message.sizeBytes;
    this.flags = message.flags;
    this.internalDate = message.internalDate;
    this.#message = message;
  }

  async *read(): AsyncGenerator<Uint8Array, undefined> {
    let left = this.sizeBytes;
    try {
      for await (const chunk of this.#message.read()) {
        const bytes = chunk.subarray(0, left);
        left -= bytes.length;
        if (bytes.length > 0) yield bytes;
        if (left === 0) return;
      }
    } catch (error) {
      this.fault = unreadableReason(error);
    }
    for (; left > 0; left -= zeros.length) yield zeros.subarray(0, left);
  }
}
