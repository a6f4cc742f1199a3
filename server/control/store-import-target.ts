import { createHash } from 'node:crypto';
import { type Mailbox, type MailStore, StoreError } from '../../store/mail-store.ts';
import type { MessageDraft } from '../../store/message-draft.ts';
import type { ImportMessage, ImportOutcome, ImportTarget } from '../import/import-target.ts';

/**
 * Messages up to this size are added at once and made durable together: the store takes each in one
 * request, so they keep their order. A larger one is added by itself.
 */
const maxSmallBytes = 64 * 1024;

/** A mailbox of an open store. */
export class StoreImportTarget implements ImportTarget {
  readonly key: string;
  readonly #store: MailStore;
  readonly #mailbox: Mailbox;

  constructor(store: MailStore, mailbox: Mailbox, uidValidity: number) {
    this.key = `${mailbox.accountId}/${mailbox.mailboxId}/${uidValidity}`;
    this.#store = store;
    this.#mailbox = mailbox;
  }

  async countImported(sha256s: readonly string[]): Promise<readonly number[]> {
    const digests = sha256s.map((sha256) => Buffer.from(sha256, 'hex'));
    return this.#store.countImported(this.#mailbox, digests);
  }

  async addMessages(messages: readonly ImportMessage[]): Promise<readonly ImportOutcome[]> {
    const drafts: (MessageDraft | ImportOutcome)[] = [];
    try {
      for (const message of messages) drafts.push(await this.#write(message));
    } catch (error) {
      for (const draft of drafts) if (!('kind' in draft)) await draft.discard();
      throw error;
    }
    const outcomes: Promise<ImportOutcome>[] = [];
    for (const [index, message] of messages.entries()) {
      const isSmall = message.sizeBytes <= maxSmallBytes;
      if (!isSmall) await Promise.all(outcomes);
      const outcome = this.#add(message, drafts[index]);
      outcomes.push(outcome);
      if (!isSmall) await outcome;
    }
    return Promise.all(outcomes);
  }

  async #add(
    message: ImportMessage,
    draft: MessageDraft | ImportOutcome | undefined,
  ): Promise<ImportOutcome> {
    if (draft === undefined) return refused('It was not read');
    if ('kind' in draft) return draft;
    const { flags, internalDate, occurrence } = message;
    return orRefused(async () => {
      await draft.addTo(this.#mailbox, { flags, internalDate, occurrence });
      return { kind: 'added' };
    });
  }

  /** The bytes of a message as a draft, or why it is none. */
  async #write(message: ImportMessage): Promise<MessageDraft | ImportOutcome> {
    const draft = this.#store.beginMessage();
    const hash = createHash('sha256');
    const outcome = await orRefused(async () => {
      for await (const chunk of message.read()) {
        hash.update(chunk);
        await draft.write(chunk);
      }
      return hash.digest('hex') === message.sha256
        ? draft
        : refused('It changed while it was being read');
    }).catch(async (error: unknown) => {
      await draft.discard();
      throw error;
    });
    if (outcome !== draft) await draft.discard();
    return outcome;
  }
}

/** What concerns one message refuses it; all else ends the import. */
async function orRefused<T>(action: () => Promise<T>): Promise<T | ImportOutcome> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof StoreError && error.code === 'ALREADYEXISTS') return { kind: 'skipped' };
    const isOfMessage = error instanceof StoreError && /^(?:CANNOT|LIMIT)$/.test(error.code);
    if (!isOfMessage) throw error;
    return refused(error.message);
  }
}

function refused(reason: string): ImportOutcome {
  return { kind: 'refused', reason };
}
