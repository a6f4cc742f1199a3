import type { ImportSource, SourceMessage, SourceReport } from './import-source.ts';
import type { ImportMessage, ImportTarget } from './import-target.ts';
import { importLimits } from './limits.ts';
import { unreadableReason } from './message-file.ts';
import type { SeenMessages } from './seen-messages.ts';

/** How many messages an import has dealt with so far. */
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

/** Adds the messages of a source that were not imported yet; returns what became of them. */
export async function importMessages(
  source: ImportSource,
  target: ImportTarget,
  seen: SeenMessages,
  report: ImportReport,
): Promise<ImportCounts> {
  const run = new ImportRun(target, seen, report);
  for await (const message of source.messages(run)) await run.add(message);
  await run.finish();
  return run.counts;
}

class ImportRun implements SourceReport {
  readonly counts = noCounts();
  readonly #target: ImportTarget;
  readonly #seen: SeenMessages;
  readonly #report: ImportReport;
  #batch: NumberedMessage[] = [];
  #batchBytes = 0;

  constructor(target: ImportTarget, seen: SeenMessages, report: ImportReport) {
    this.#target = target;
    this.#seen = seen;
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

  async add(message: SourceMessage): Promise<void> {
    const isFull =
      this.#batch.length >= importLimits.maxBatchMessages ||
      (this.#batch.length > 0 && this.#batchBytes + message.sizeBytes > importLimits.maxBatchBytes);
    if (isFull) await this.#addBatch();
    const occurrence = this.#seen.count(this.#target.key, message.sha256);
    this.#batch.push({ message, occurrence });
    this.#batchBytes += message.sizeBytes;
  }

  async finish(): Promise<void> {
    if (this.#batch.length > 0) await this.#addBatch();
  }

  async #addBatch(): Promise<void> {
    const batch = await this.#dropImported(this.#batch);
    this.#batch = [];
    this.#batchBytes = 0;
    if (batch.length === 0) return;
    const readings = batch.map((numbered) => new AnnouncedReading(numbered));
    const outcomes = await this.#target.addMessages(readings);
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.kind !== 'refused') this.counts[outcome.kind] += 1;
      else {
        const { message } = batch[index]!;
        this.onRefused(message.origin, readings[index]?.fault ?? outcome.reason);
      }
    }
  }

  /** What was imported before is neither read nor sent. */
  async #dropImported(batch: readonly NumberedMessage[]): Promise<NumberedMessage[]> {
    const counts = await this.#target.countImported(batch.map(({ message }) => message.sha256));
    const left = batch.filter(({ occurrence }, index) => occurrence > (counts[index] ?? 0));
    this.counts.skipped += batch.length - left.length;
    return left;
  }
}

/** A message, and which of its equals it is. */
interface NumberedMessage {
  readonly message: SourceMessage;
  readonly occurrence: number;
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
  readonly occurrence: number;
  /** Why the file could not be read; undefined if it could. */
  fault: string | undefined;
  readonly #message: SourceMessage;

  constructor({ message, occurrence }: NumberedMessage) {
    this.occurrence = occurrence;
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
