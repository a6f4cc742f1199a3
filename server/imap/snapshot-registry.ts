import { MailboxSnapshot } from './mailbox-snapshot.ts';

/** Finds the snapshot that other sessions of a mailbox already hold, so that a new one shares it. */
export class SnapshotRegistry {
  readonly #latest = new Map<number, WeakRef<MailboxSnapshot>>();
  readonly #collected = new FinalizationRegistry<number>((mailboxId) => {
    if (this.#latest.get(mailboxId)?.deref() === undefined) this.#latest.delete(mailboxId);
  });

  /** The snapshot with these contents: the shared one, or a new one that is shared from now on. */
  share(mailboxId: number, modseq: number, uids: Uint32Array): MailboxSnapshot {
    const known = this.#latest.get(mailboxId)?.deref();
    if (known?.modseq === modseq) return known;
    return this.add(new MailboxSnapshot(mailboxId, modseq, uids));
  }

  /** Makes a snapshot the one that is shared, unless a later one is known. */
  add(snapshot: MailboxSnapshot): MailboxSnapshot {
    const known = this.#latest.get(snapshot.mailboxId)?.deref();
    if (known !== undefined && known.modseq >= snapshot.modseq) return snapshot;
    this.#latest.set(snapshot.mailboxId, new WeakRef(snapshot));
    this.#collected.register(snapshot, snapshot.mailboxId);
    return snapshot;
  }
}
