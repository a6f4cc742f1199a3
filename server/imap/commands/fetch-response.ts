import { encodeInternalDate, type InternalDate } from '../../../protocol/dates.ts';
import type { Encoder } from '../../../protocol/encoder.ts';
import { encodeBodySection, readWireText, type WireText } from '../../../protocol/wire-text.ts';
import type { FetchItem } from '../../../protocol/fetch-item.ts';
import { writeBody } from '../../../protocol/mime/body-structure.ts';
import type { MessageColumn, MessageRows } from '../../../store/message-rows.ts';
import type { Session } from '../session.ts';
import {
  columnOfSection,
  type MessageRow,
  present,
  sectionName,
  writeSection,
} from './fetch-section.ts';

/** True if the items of a command, or of a response, have one of the name. */
export function hasItem(items: readonly FetchItem[], name: FetchItem['item']): boolean {
  return items.some(({ item }) => item === name);
}

const columnsByItem: { readonly [Item in FetchItem['item']]?: MessageColumn } = {
  INTERNALDATE: 'internalDate',
  ENVELOPE: 'envelope',
  BODYSTRUCTURE: 'bodyStructure',
  BODY: 'structure',
  'RFC822.HEADER': 'header',
  'RFC822.TEXT': 'structure',
};

/** What the store must read for these items; undefined if the feed knows all of it. */
export function columnsOf(items: readonly FetchItem[]): ReadonlySet<MessageColumn> | undefined {
  if (items.every(({ item }) => item === 'UID' || item === 'FLAGS' || item === 'MODSEQ')) {
    return undefined;
  }
  const columns = items.map((item) =>
    item.item === 'BODY[]' ? columnOfSection(item.section) : columnsByItem[item.item],
  );
  const wanted = new Set(columns.filter((column) => column !== undefined));
  if (wanted.has('header')) wanted.delete('usualFields');
  return wanted;
}

/** A message as a FETCH response finds it: its row in the store, its number, and its place in the feed. */
export interface FetchedMessage extends MessageRow {
  readonly number: number;
  /** Good until something is awaited. */
  readonly index: number;
}

/** Writes `* n FETCH (…)` of one message, waiting for a client that does not keep up. */
export async function writeFetchResponse(
  session: Session,
  message: FetchedMessage,
  items: readonly FetchItem[],
): Promise<void> {
  const { out, view } = session;
  const { number, index } = message;
  if (hasItem(items, 'FLAGS')) view.tellKeywords(out);
  // Before anything is awaited: the feed may change then.
  const flags = view.flagList(index);
  const modseq = view.feed.modseqAt(index);
  out.begin().number(number).atom('FETCH').open();
  for (const item of items) {
    const written = writeItem(session, { ...message, flags, modseq }, item);
    // Most items are written from the row, and a turn of the microtasks for each would be much of their cost.
    if (written !== undefined) await written;
  }
  out.close().end();
  if (out.isFull) await out.ready();
}

interface MessageNow extends MessageRow {
  readonly flags: WireText;
  readonly modseq: number;
}

/** Undefined if the item is written. */
function writeItem(
  session: Session,
  message: MessageNow,
  item: FetchItem,
): Promise<void> | undefined {
  const { out } = session;
  switch (item.item) {
    case 'RFC822':
      out.atom('RFC822');
      return writeSection(session, message, { part: [], text: { kind: 'all' } });
    case 'RFC822.HEADER':
      out.atom('RFC822.HEADER');
      return writeSection(session, message, { part: [], text: { kind: 'header' } });
    case 'RFC822.TEXT':
      out.atom('RFC822.TEXT');
      return writeSection(session, message, { part: [], text: { kind: 'text' } });
    case 'BODY[]':
      out.wire(
        item.partial === undefined
          ? sectionName(item.section)
          : encodeBodySection(item.section, item.partial.offsetBytes),
      );
      return writeSection(session, message, item.section, item.partial);
    default:
      writeAttribute(out.atom(item.item), message, item.item);
      return undefined;
  }
}

/** An item that is written without reading the message. */
type Attribute = Exclude<FetchItem['item'], 'RFC822' | 'RFC822.HEADER' | 'RFC822.TEXT' | 'BODY[]'>;

/** Writes the value of an item behind its name. */
function writeAttribute(
  out: Encoder,
  { rows, place, flags, modseq }: MessageNow,
  attribute: Attribute,
): Encoder {
  switch (attribute) {
    case 'UID':
      return out.number(present(rows.uids[place]));
    case 'FLAGS':
      return out.wire(flags);
    case 'MODSEQ':
      return out.open().number(modseq).close();
    case 'RFC822.SIZE':
      return out.number(present(rows.sizeBytes[place]));
    case 'INTERNALDATE':
      return out.wire(encodeInternalDate(internalDateOf(rows, place)));
    case 'ENVELOPE':
      return out.wire(readWireText(present(rows.envelopes?.[place])));
    case 'BODYSTRUCTURE':
      return out.wire(readWireText(present(rows.bodyStructures?.[place])));
    case 'BODY':
      return out.wire(writeBody(present(rows.structures?.[place])));
    default:
      return attribute satisfies never;
  }
}

function internalDateOf(
  { internalSeconds, zoneMinutes }: MessageRows,
  place: number,
): InternalDate {
  return {
    epochMs: present(internalSeconds?.[place]) * 1000,
    zoneMinutes: present(zoneMinutes?.[place]),
  };
}
