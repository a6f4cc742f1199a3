import type { MailboxKey, MailStore } from '../../../store/mail-store.ts';
import type { MessageRows } from '../../../store/message-rows.ts';
import { CachedRows } from './cached-rows.ts';
import { MessageIds } from './message-ids.ts';

/** How some messages refer to each other, as columns; NaN in all of them for a message that is gone. */
export interface LinkColumns {
  /** Numbers of Message-IDs; 0 for a message without one. */
  readonly ids: Float64Array;
  /** Where the references of a message begin, for {@link referencesAt}; 0 for a message without any. */
  readonly references: Float64Array;
  /** 1 for a reply or a forwarded message, else 0. */
  readonly isReplyOrForward: Float64Array;
  /** The largest number of a Message-ID. */
  readonly idCount: number;
  /** Numbers of Message-IDs that a message refers to, the root of its thread first; not to be written to. */
  readonly referencesAt: (start: number) => Uint32Array;
}

/** References that there is room for at first. */
const firstCapacity = 256;

/** How the messages of a mailbox refer to each other, each read once. */
export class MessageLinks {
  readonly #ids = new MessageIds();
  /** Of each message that has references their count, and then they. */
  #pool = new Uint32Array(firstCapacity);
  /** 0 stands for no references. */
  #poolEnd = 1;
  readonly #rows = new CachedRows({
    columns: new Set(['links']),
    take: (rows) => this.#take(rows),
  });

  get messageCount(): number {
    return this.#rows.messageCount;
  }

  get sizeBytes(): number {
    return this.#rows.sizeBytes + this.#ids.sizeBytes + this.#pool.byteLength;
  }

  /** Of messages (UIDs, ascending). Others run meanwhile. Rejects as the store does. */
  async read(store: MailStore, box: MailboxKey, uids: Uint32Array): Promise<LinkColumns> {
    const [ids, references, isReplyOrForward] = await this.#rows.read(store, box, uids);
    const gone = new Float64Array(uids.length).fill(NaN);
    const pool = this.#pool;
    return {
      ids: ids ?? gone,
      references: references ?? gone,
      isReplyOrForward: isReplyOrForward ?? gone,
      idCount: this.#ids.count,
      referencesAt: (start) =>
        start === 0 ? pool.subarray(0, 0) : pool.subarray(start + 1, start + 1 + pool[start]!),
    };
  }

  #take({ links }: MessageRows): readonly Float64Array[] {
    const { messageIds, references, isReplyOrForward } = links!;
    return [
      Float64Array.from(messageIds, (digits) =>
        digits === '' ? 0 : this.#ids.numberOf(digits, 0),
      ),
      Float64Array.from(references, (digits) => this.#keep(this.#ids.numbersOf(digits))),
      Float64Array.from(isReplyOrForward),
    ];
  }

  /** Returns where they begin. */
  #keep(references: Uint32Array): number {
    if (references.length === 0) return 0;
    const start = this.#poolEnd;
    this.#poolEnd += 1 + references.length;
    if (this.#poolEnd > this.#pool.length) {
      const pool = new Uint32Array(2 * this.#poolEnd);
      pool.set(this.#pool);
      this.#pool = pool;
    }
    this.#pool[start] = references.length;
    this.#pool.set(references, start + 1);
    return start;
  }
}
