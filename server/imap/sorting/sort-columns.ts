import type { MailboxKey, MailStore } from '../../../store/mail-store.ts';
import type { MessageRows, SortText } from '../../../store/message-rows.ts';
import type { Turn } from '../../../store/turns.ts';
import { CachedRows, type RowReader } from './cached-rows.ts';
import { MessageLinks, type LinkColumns } from './message-links.ts';
import { TextRanks } from './text-ranks.ts';

/** What messages are compared by: a text, or a number. */
export type SortColumn = SortText | 'arrival' | 'sentDate' | 'size';

/** Messages that are gone of which nobody lets go, so that small mailboxes are not read again and again. */
const spareMessages = 1024;

interface CachedColumn {
  readonly rows: CachedRows;
  /** Of a column of texts, whose rows have their numbers. */
  readonly texts?: TextRanks;
}

/**
 * What the messages of a mailbox are sorted by, as numbers, for all sessions of a thread that sort it. A message never changes
 * what it is sorted by, so each is read once, when it is first sorted; it takes 12 bytes a column. Of texts it is their number.
 */
export class SortColumns {
  readonly #store: MailStore;
  readonly #box: MailboxKey;
  readonly #columns = new Map<SortColumn, CachedColumn>();
  #links: MessageLinks | undefined;

  constructor(store: MailStore, box: MailboxKey) {
    this.#store = store;
    this.#box = box;
  }

  /** Bytes of the arrays and of the texts, about. */
  get sizeBytes(): number {
    let bytes = this.#links?.sizeBytes ?? 0;
    for (const { rows, texts } of this.#columns.values()) {
      bytes += rows.sizeBytes + (texts?.sizeBytes ?? 0);
    }
    return bytes;
  }

  /** Lets go of columns that are mostly of messages that are gone. */
  compact(messageCount: number): void {
    for (const [name, { rows }] of this.#columns) {
      if (rows.messageCount > 2 * messageCount + spareMessages) this.#columns.delete(name);
    }
    const linked = this.#links?.messageCount ?? 0;
    if (linked > 2 * messageCount + spareMessages) this.#links = undefined;
  }

  /**
   * A value for each of the messages (UIDs, ascending), by which it comes before or behind others; NaN for one that is gone and
   * was not read before. Others run meanwhile. Rejects as the store does.
   */
  async read(name: SortColumn, uids: Uint32Array, turn: Turn): Promise<Float64Array> {
    const { values, texts } = await this.#readValues(name, uids);
    if (texts === undefined) return values;
    const ranks = await texts.rank(turn);
    for (let place = 0; place < values.length; place++) {
      values[place] = ranks[values[place]!] ?? NaN;
    }
    return values;
  }

  /**
   * Numbers of the texts of messages, as {@link read}; equal texts have equal numbers, and 0 is the empty one.
   */
  async readTexts(name: SortText, uids: Uint32Array): Promise<Float64Array> {
    return (await this.#readValues(name, uids)).values;
  }

  /** Reads what has not been read of the messages (UIDs, ascending), for {@link compare}. Others run meanwhile. */
  async load(name: SortColumn, uids: Uint32Array): Promise<void> {
    await this.#readValues(name, uids);
  }

  /** How two messages compare that were read before; NaN if one of them was not, or is gone. */
  compare(name: SortColumn, uid: number, other: number): number {
    const column = this.#columns.get(name);
    const [value, otherValue] = [column?.rows.valueOf(uid), column?.rows.valueOf(other)];
    if (value === undefined || otherValue === undefined) return NaN;
    return column?.texts?.compare(value, otherValue) ?? value - otherValue;
  }

  /** How messages refer to each other, as {@link read}. */
  readLinks(uids: Uint32Array): Promise<LinkColumns> {
    this.#links ??= new MessageLinks();
    return this.#links.read(this.#store, this.#box, uids);
  }

  async #readValues(
    name: SortColumn,
    uids: Uint32Array,
  ): Promise<{ values: Float64Array; texts: TextRanks | undefined }> {
    let column = this.#columns.get(name);
    if (column === undefined) this.#columns.set(name, (column = makeColumn(name)));
    const [values] = await column.rows.read(this.#store, this.#box, uids);
    // Without a column none of the messages was found.
    return { values: values ?? new Float64Array(uids.length).fill(NaN), texts: column.texts };
  }
}

function makeColumn(name: SortColumn): CachedColumn {
  const reader = numberReaders[name as keyof typeof numberReaders] as RowReader | undefined;
  if (reader !== undefined) return { rows: new CachedRows(reader) };
  const texts = new TextRanks();
  const column = name as SortText;
  const take = ({ sortTexts }: MessageRows) => [
    Float64Array.from(sortTexts![column]!, (text) => texts.add(text)),
  ];
  return { rows: new CachedRows({ columns: new Set([column]), take }), texts };
}

const numberReaders = {
  arrival: { columns: new Set(['internalDate']), take: (rows) => [rows.internalSeconds!] },
  sentDate: {
    columns: new Set(['sentDate', 'internalDate']),
    // The internal date counts for a message whose own cannot be read: RFC 5256, section 2.2.
    take: ({ sentSeconds, internalSeconds }) => [
      sentSeconds!.map((sent, place) => (Number.isNaN(sent) ? internalSeconds![place]! : sent)),
    ],
  },
  size: { columns: new Set(), take: (rows) => [Float64Array.from(rows.sizeBytes)] },
} as const satisfies Readonly<Record<string, RowReader>>;
