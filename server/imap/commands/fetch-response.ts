import { encodeInternalDate, type InternalDate } from '../../../protocol/dates.ts';
import type { Encoder } from '../../../protocol/encoder.ts';
import {
  encodeAtom,
  encodeBodySection,
  nil,
  readWireText,
  type WireText,
} from '../../../protocol/wire-text.ts';
import type { BinaryItem, FetchItem } from '../../../protocol/fetch-item.ts';
import {
  mayHaveGlobal,
  writeBody,
  writeBodyStructure,
} from '../../../protocol/mime/body-structure.ts';
import type { MessageColumn, MessageRows } from '../../../store/message-rows.ts';
import type { Session } from '../session.ts';
import { writeBinary } from './fetch-binary.ts';
import { writePreview } from './fetch-preview.ts';
import {
  columnOfSection,
  isWhole,
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
  EMAILID: 'emailId',
  SAVEDATE: 'savedDate',
  THREADID: 'threadId',
  ENVELOPE: 'envelope',
  BODYSTRUCTURE: 'bodyStructure',
  BODY: 'structure',
  PREVIEW: 'structure',
  'BINARY[]': 'structure',
  'BINARY.SIZE[]': 'structure',
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

/** A message as a FETCH response finds it: its row in the store, its number, and what the feed says of it. */
export interface FetchedMessage extends MessageRow {
  readonly number: number;
  readonly flags: WireText;
  readonly modseq: number;
}

/** True for an item that is the whole message. Of a part of it a client has asked for as much as it wants at once. */
export function wantsWholeMessage(item: FetchItem): boolean {
  if (item.item === 'RFC822') return true;
  return item.item === 'BODY[]' && item.partial === undefined && isWhole(item.section);
}

/**
 * Writes `* n FETCH (…)` of one message. Undefined if that is done; else it waits for what is read, or for a client that does
 * not keep up.
 */
export function writeFetchResponse(
  session: Session,
  message: FetchedMessage,
  items: readonly FetchItem[],
): Promise<void> | undefined {
  const { out, view } = session;
  if (hasItem(items, 'FLAGS')) view.tellKeywords(out);
  out.beginFetch(message.number, present(message.rows.uids[message.place]));
  for (let position = 0; position < items.length; position++) {
    const written = writeItem(session, message, items[position]!);
    if (written !== undefined) {
      return writeRest(session, message, items.slice(position + 1), written);
    }
  }
  out.close().end();
  return out.isFull ? out.ready() : undefined;
}

/** Goes on when the item before is written. */
async function writeRest(
  session: Session,
  message: FetchedMessage,
  items: readonly FetchItem[],
  written: Promise<void>,
): Promise<void> {
  const { out } = session;
  await written;
  for (const item of items) await writeItem(session, message, item);
  out.close().end();
  if (out.isFull) await out.ready();
}

/** Undefined if the item is written. */
function writeItem(
  session: Session,
  message: FetchedMessage,
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
    case 'PREVIEW':
      out.atom('PREVIEW');
      return writePreview(session, message);
    case 'BODY[]':
      out.wire(
        item.partial === undefined
          ? sectionName(item.section)
          : encodeBodySection(item.section, item.partial.offsetBytes),
      );
      return writeSection(session, message, item.section, item.partial);
    case 'BINARY[]':
    case 'BINARY.SIZE[]':
      return writeBinary(session, message, item);
    case 'BODYSTRUCTURE':
      out.wire(attributeNames.BODYSTRUCTURE);
      return writeStructure(session, message);
    case 'BODY': {
      const { isRev2: knowsGlobal } = session;
      const structure = present(message.rows.structures?.[message.place]);
      out.wire(attributeNames.BODY).wire(writeBody(structure, { knowsGlobal }));
      return undefined;
    }
    default:
      writeAttribute(out.wire(attributeNames[item.item]), message, item.item);
      return undefined;
  }
}

/** Undefined if it is written: the one that is kept is for IMAP4rev1, and most are the same for IMAP4rev2. */
function writeStructure(
  session: Session,
  { rows, place }: FetchedMessage,
): Promise<void> | undefined {
  const kept = present(rows.bodyStructures?.[place]);
  if (session.isRev2 && mayHaveGlobal(kept)) {
    return writeStructureWithGlobal(session, present(rows.uids[place]), kept);
  }
  session.out.wire(readWireText(kept));
  return undefined;
}

/** `kept` is what is told of a message that is gone by now. */
async function writeStructureWithGlobal(
  { out, store, view }: Session,
  uid: number,
  kept: string,
): Promise<void> {
  const columns = new Set(['structure'] as const);
  let written = readWireText(kept);
  for await (const { structures } of store.rows(view.box, Uint32Array.of(uid), columns)) {
    const structure = structures?.[0];
    if (structure) written = writeBodyStructure(structure, { knowsGlobal: true });
  }
  out.wire(written);
}

/** An item that is written without reading the message. */
type Attribute = Exclude<
  FetchItem['item'],
  'RFC822' | 'RFC822.HEADER' | 'RFC822.TEXT' | 'PREVIEW' | 'BODY[]' | BinaryItem['item']
>;

const attributeNames: Readonly<Record<Attribute, WireText>> = {
  UID: encodeAtom('UID'),
  FLAGS: encodeAtom('FLAGS'),
  MODSEQ: encodeAtom('MODSEQ'),
  EMAILID: encodeAtom('EMAILID'),
  SAVEDATE: encodeAtom('SAVEDATE'),
  THREADID: encodeAtom('THREADID'),
  'RFC822.SIZE': encodeAtom('RFC822.SIZE'),
  INTERNALDATE: encodeAtom('INTERNALDATE'),
  ENVELOPE: encodeAtom('ENVELOPE'),
  BODYSTRUCTURE: encodeAtom('BODYSTRUCTURE'),
  BODY: encodeAtom('BODY'),
};

/** Writes the value of an item behind its name. */
function writeAttribute(
  out: Encoder,
  { rows, place, flags, modseq }: FetchedMessage,
  attribute: Exclude<Attribute, 'BODY' | 'BODYSTRUCTURE'>,
): Encoder {
  switch (attribute) {
    case 'UID':
      return out.number(present(rows.uids[place]));
    case 'FLAGS':
      return out.wire(flags);
    case 'MODSEQ':
      return out.open().number(modseq).close();
    case 'SAVEDATE':
      return out.wire(encodeSavedDate(present(rows.savedSeconds?.[place])));
    case 'EMAILID':
      return out.open().atom(present(rows.emailIds?.[place])).close();
    case 'THREADID':
      return out.open().atom(present(rows.threadIds?.[place])).close();
    case 'RFC822.SIZE':
      return out.number(present(rows.sizeBytes[place]));
    case 'INTERNALDATE':
      return out.wire(encodeInternalDate(internalDateOf(rows, place)));
    case 'ENVELOPE':
      return out.wire(readWireText(present(rows.envelopes?.[place])));
    default:
      return attribute satisfies never;
  }
}

/** NIL for a message that an older store took without it. */
function encodeSavedDate(savedSeconds: number): WireText {
  if (Number.isNaN(savedSeconds)) return nil;
  return encodeInternalDate({ epochMs: savedSeconds * 1000, zoneMinutes: 0 });
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
