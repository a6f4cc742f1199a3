import type { BodySection, FetchItem } from '../../protocol/fetch-item.ts';
import {
  applyPartial,
  filterHeader,
  resolveSection,
  type SectionRange,
} from '../../protocol/mime/body-section.ts';
import { writeBody } from '../../protocol/mime/body-structure.ts';
import { encodeAString, encodeInternalDate } from '../../protocol/wire-text.ts';
import type { MessageField, StoredMessage } from '../../store/mail-store.ts';
import { ConnectionLostError } from './response-stream.ts';
import type { Session } from './session.ts';

const fieldsByItem: { readonly [Item in FetchItem['item']]?: MessageField } = {
  INTERNALDATE: 'dates',
  ENVELOPE: 'envelope',
  BODYSTRUCTURE: 'bodyStructure',
  BODY: 'structure',
  'BODY[]': 'structure',
  'RFC822.HEADER': 'structure',
  'RFC822.TEXT': 'structure',
};

/** What the store must read for these items; undefined if the feed knows all of it. */
export function fieldsOf(items: readonly FetchItem[]): ReadonlySet<MessageField> | undefined {
  if (items.every(({ item }) => item === 'UID' || item === 'FLAGS' || item === 'MODSEQ')) {
    return undefined;
  }
  const fields = items.map((item) => (isWholeBody(item) ? undefined : fieldsByItem[item.item]));
  return new Set(fields.filter((field) => field !== undefined));
}

/** The whole message needs no structure, and it is what most clients read. */
function isWholeBody(item: FetchItem): boolean {
  if (item.item !== 'BODY[]') return false;
  return item.section.part.length === 0 && item.section.text.kind === 'all';
}

/** True for an item that sets \Seen. @see RFC 3501, section 6.4.5 */
export function setsSeen(item: FetchItem): boolean {
  if (item.item === 'BODY[]') return !item.isPeek;
  return item.item === 'RFC822' || item.item === 'RFC822.TEXT';
}

/** A message as a FETCH response finds it: its row in the store, its number, and its place in the feed. */
export interface FetchedMessage {
  readonly row: StoredMessage;
  readonly number: number;
  /** Good until something is awaited. */
  readonly index: number;
}

/**
 * Writes `* n FETCH (…)` of one message, waiting for a client that does not keep up. If something fails when the response
 * has begun, the connection ends: the client could not follow.
 */
export async function writeFetchResponse(
  session: Session,
  { row, number, index }: FetchedMessage,
  items: readonly FetchItem[],
): Promise<void> {
  const { out, view } = session;
  if (items.some(({ item }) => item === 'FLAGS')) view.tellKeywords(out);
  // Before anything is awaited: the feed may change then.
  const flags = view.flagsText(row.uid, view.feed.flagSetAt(index));
  const modseq = view.feed.modseqAt(index);
  try {
    out.write(`* ${number} FETCH (`);
    let separator = '';
    for (const item of items) {
      out.write(separator);
      separator = ' ';
      await writeItem(session, { row, flags, modseq }, item);
    }
    out.write(')\r\n');
  } catch (error) {
    throw abandoned(session, error);
  }
  if (out.isFull) await out.ready();
}

interface MessageNow {
  readonly row: StoredMessage;
  readonly flags: string;
  readonly modseq: number;
}

async function writeItem(
  session: Session,
  { row, flags, modseq }: MessageNow,
  item: FetchItem,
): Promise<void> {
  const { out } = session;
  switch (item.item) {
    case 'UID':
      return out.write(`UID ${row.uid}`);
    case 'FLAGS':
      return out.write(`FLAGS (${flags})`);
    case 'MODSEQ':
      return out.write(`MODSEQ (${modseq})`);
    case 'RFC822.SIZE':
      return out.write(`RFC822.SIZE ${row.sizeBytes}`);
    case 'INTERNALDATE':
      return out.write(`INTERNALDATE ${encodeInternalDate(present(row.internalDate))}`);
    case 'ENVELOPE':
      return out.write(`ENVELOPE ${present(row.envelope)}`);
    case 'BODYSTRUCTURE':
      return out.write(`BODYSTRUCTURE ${present(row.bodyStructure)}`);
    case 'BODY':
      return out.write(`BODY ${writeBody(present(row.structure))}`);
    case 'RFC822':
      return writeSection(session, row, 'RFC822', { part: [], text: { kind: 'all' } });
    case 'RFC822.HEADER':
      return writeSection(session, row, item.item, { part: [], text: { kind: 'header' } });
    case 'RFC822.TEXT':
      return writeSection(session, row, item.item, { part: [], text: { kind: 'text' } });
    case 'BODY[]':
      return writeSection(session, row, 'BODY[]', item.section, item.partial);
  }
}

/** What the store was asked for is there. */
function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('The store left out a field that was asked for');
  return value;
}

type Partial = Extract<FetchItem, { readonly item: 'BODY[]' }>['partial'];

/**
 * Writes one section of a message: its name, then `NIL` or a literal. `name` is `BODY[]`, which is filled in
 * with the section, or an item of RFC 822 times.
 */
async function writeSection(
  session: Session,
  row: StoredMessage,
  name: string,
  section: BodySection,
  partial?: Partial,
): Promise<void> {
  session.out.write(
    name === 'BODY[]' ? `BODY[${formatSection(section)}]${formatOrigin(partial)} ` : `${name} `,
  );
  const range = locate(row, section);
  if (range === undefined) return session.out.write('NIL');
  if (range.fieldNames !== undefined) {
    const header = await readWhole(session, row.bodyId, range.start, range.end);
    const kept = filterHeader(header, range.fieldNames, range.isNot);
    const { start, end } = applyPartial(kept.length, partial);
    session.out.write(`{${end - start}}\r\n`);
    return session.out.writeBytes(kept.subarray(start, end));
  }
  const { start, end } = applyPartial(range.end - range.start, partial);
  await writeLiteral(session, row.bodyId, range.start + start, range.start + end);
}

function locate(row: StoredMessage, section: BodySection): SectionRange | undefined {
  if (row.structure !== undefined) return resolveSection(row.structure, section);
  return { start: 0, end: row.sizeBytes };
}

async function writeLiteral(
  session: Session,
  bodyId: number,
  start: number,
  end: number,
): Promise<void> {
  const { out } = session;
  out.write(`{${end - start}}\r\n`);
  let leftBytes = end - start;
  for await (const chunk of session.store.readBody(bodyId, start, end)) {
    out.writeBytes(chunk);
    leftBytes -= chunk.length;
    if (out.isFull) await out.ready();
  }
  if (leftBytes !== 0) throw new Error(`Body lacks ${leftBytes} bytes`);
}

async function readWhole(session: Session, bodyId: number, start: number, end: number) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of session.store.readBody(bodyId, start, end)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Ends the connection, in the middle of a response. */
function abandoned(session: Session, error: unknown): ConnectionLostError {
  session.connection.destroy();
  if (error instanceof ConnectionLostError) return error;
  session.log('error', { err: error }, 'cannot finish a response');
  return new ConnectionLostError();
}

/** The section in the brackets of the response. @see RFC 3501, section 9, `section` */
function formatSection({ part, text }: BodySection): string {
  const words: string[] = part.length > 0 ? [part.join('.')] : [];
  if (text.kind === 'header-fields' || text.kind === 'header-fields-not') {
    const names = text.fieldNames.map((name) => encodeAString(name)).join(' ');
    const isNot = text.kind === 'header-fields-not';
    words.push(`HEADER.FIELDS${isNot ? '.NOT' : ''} (${names})`);
  } else if (text.kind !== 'all') {
    words.push(text.kind.toUpperCase());
  }
  return words.join('.');
}

function formatOrigin(partial: Partial): string {
  return partial === undefined ? '' : `<${partial.offsetBytes}>`;
}
