import { StoreError } from '../mail-store.ts';
import type { Database } from './database.ts';

/** What a write request has to work with. It lives as long as the request. */
export class WriteContext {
  readonly database: Database;
  /** The caller's clock when it asked. */
  readonly nowMs: number;
  /** The number of the client that asked. */
  readonly clientId: number;
  /** Bodies that drafts are writing, by body id, with the client whose draft it is. */
  readonly stagings: Map<number, number>;
  readonly #modseqs = new Map<number, number>();
  readonly #gone = new Set<number>();

  constructor(
    database: Database,
    request: { nowMs: number; clientId: number; stagings: Map<number, number> },
  ) {
    this.database = database;
    this.nowMs = request.nowMs;
    this.clientId = request.clientId;
    this.stagings = request.stagings;
  }

  /** The modseq under which this request changes the mailbox: its next one, the same at every call. */
  takeModseq(mailboxId: number): number {
    const known = this.#modseqs.get(mailboxId);
    if (known !== undefined) return known;
    const row = this.database.row<[number]>(
      'UPDATE mailboxes SET highest_modseq = highest_modseq + 1 WHERE id = ? RETURNING highest_modseq',
      mailboxId,
    );
    if (row === undefined) throw new StoreError('NONEXISTENT', 'The mailbox does not exist');
    this.#modseqs.set(mailboxId, row[0]);
    return row[0];
  }

  /** Notes that a statement of the request itself has raised the mailbox's modseq. */
  noteModseq(mailboxId: number, modseq: number): void {
    this.#modseqs.set(mailboxId, modseq);
  }

  /** Notes that the mailbox is removed. */
  noteGone(mailboxId: number, modseq: number): void {
    this.#modseqs.set(mailboxId, modseq);
    this.#gone.add(mailboxId);
  }

  /** What watchers are told once the request is committed. */
  get changes(): MailboxChange[] {
    return [...this.#modseqs].map(([mailboxId, modseq]) => ({
      mailboxId,
      modseq,
      gone: this.#gone.has(mailboxId),
    }));
  }
}

/** A commit that changed a mailbox, as it is told to every client. */
export interface MailboxChange {
  readonly mailboxId: number;
  readonly modseq: number;
  readonly gone: boolean;
}
