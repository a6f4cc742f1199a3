import type { ImportJournal, PendingMessage } from './import-journal.ts';
import type { ImportSource, SourceMessage } from './import-source.ts';
import type { ImportTarget } from './import-target.ts';

/** Messages in one step: enough for the store to make them durable together. */
const maxBatchMessages = 64;

/** Octets in one step; a larger message is a step of its own. */
const maxBatchBytes = 4 * 1024 * 1024;

export interface ImportCounts {
  added: number;
  /** Imported already, by this or an earlier run. */
  skipped: number;
  refused: number;
}

export interface ImportReport {
  /** Units of the source that have been read. */
  onProgress(units: number): void;
  onRefused(origin: string, reason: string): void;
}

/** Adds the messages of a source that the journal does not know yet; how many that were. */
export async function importMessages(
  source: ImportSource,
  target: ImportTarget,
  journal: ImportJournal,
  report: ImportReport,
): Promise<ImportCounts> {
  const run = new ImportRun(target, journal, report);
  await run.recover();
  for await (const message of source.messages((units) => report.onProgress(units))) {
    await run.add(message);
  }
  await run.finish();
  return run.counts;
}

class ImportRun {
  readonly counts: ImportCounts = { added: 0, skipped: 0, refused: 0 };
  readonly #target: ImportTarget;
  readonly #journal: ImportJournal;
  readonly #report: ImportReport;
  #batch: SourceMessage[] = [];
  #batchBytes = 0;
  /** Added and not yet noted as such: the next step does both. */
  #added: SourceMessage[] = [];

  constructor(target: ImportTarget, journal: ImportJournal, report: ImportReport) {
    this.#target = target;
    this.#journal = journal;
    this.#report = report;
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
      this.#batch.length >= maxBatchMessages ||
      (this.#batch.length > 0 && this.#batchBytes + message.sizeBytes > maxBatchBytes);
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
    const outcomes = await this.#target.addMessages(batch);
    this.#batch = [];
    this.#batchBytes = 0;
    this.#added = batch.filter((_, index) => outcomes[index]?.kind === 'added');
    this.counts.added += this.#added.length;
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.kind !== 'refused') continue;
      this.counts.refused += 1;
      this.#report.onRefused(batch[index]?.origin ?? '', outcome.reason);
    }
  }
}
