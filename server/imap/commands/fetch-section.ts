import { type ByteText, encodeBodySection, type WireText } from '../../../protocol/wire-text.ts';
import type { BodySection, FetchItem } from '../../../protocol/fetch-item.ts';
import {
  applyPartial,
  filterHeader,
  type HeaderText,
  ownHeaderOf,
  resolveHeader,
  resolveSection,
  type SectionRange,
} from '../../../protocol/mime/body-section.ts';
import { HeaderFilter } from '../../../protocol/mime/header-filter.ts';
import type { MessageColumn, MessageRows } from '../../../store/message-rows.ts';
import { isUsualField } from '../../../store/usual-fields.ts';
import type { Session } from '../session.ts';

/** A message among the rows of the store. */
export interface MessageRow {
  readonly rows: MessageRows;
  readonly place: number;
  /** The bytes of the column `usualFields`, if the rows have it. */
  readonly usualText: ByteText | undefined;
  /** All of it, if it was read with others. */
  readonly body: Uint8Array | undefined;
}

/** What the store was asked for is there. */
export function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('The store left out a field that was asked for');
  return value;
}

/** What locates a section, or has its bytes. The whole message needs nothing, and it is what most clients read. */
export function columnOfSection(section: BodySection): MessageColumn | undefined {
  const text = ownHeaderOf(section);
  if (text !== undefined) return hasUsualFieldsOnly(text) ? 'usualFields' : 'header';
  return isWhole(section) ? undefined : 'structure';
}

/** True for the section that is the whole message. */
export function isWhole({ part, text }: BodySection): boolean {
  return part.length === 0 && text.kind === 'all';
}

function hasUsualFieldsOnly(text: HeaderText): boolean {
  return text.kind === 'header-fields' && text.fieldNames.every(isUsualField);
}

type Partial = Extract<FetchItem, { readonly item: 'BODY[]' }>['partial'];

/** Writes what a section of a message holds, as `NIL` or a literal; its name stands before it. Undefined if it is written. */
export function writeSection(
  session: Session,
  message: MessageRow,
  section: BodySection,
  partial?: Partial,
): Promise<void> | undefined {
  const { out } = session;
  if (ownHeaderOf(section) !== undefined) {
    const fields = selectUsualFields(message, section);
    if (fields !== undefined) {
      out.literalText(cut(fields, partial));
      return undefined;
    }
    const header = selectHeader(message, section);
    if (header !== undefined) {
      const { start, end } = applyPartial(header.length, partial);
      out.literal(end - start).bytes(header.subarray(start, end));
      return undefined;
    }
  }
  const range = locate(message, section);
  if (range === undefined) {
    out.nstring(undefined);
    return undefined;
  }
  const { body } = message;
  if (body !== undefined && range.fieldNames === undefined) {
    const { start, end } = applyPartial(range.end - range.start, partial);
    out.literal(end - start).bytes(body.subarray(range.start + start, range.start + end));
    return undefined;
  }
  const bodyId = present(message.rows.bodyIds[message.place]);
  if (range.fieldNames !== undefined) return writeFields(session, bodyId, range, partial);
  const { start, end } = applyPartial(range.end - range.start, partial);
  return writeLiteral(session, bodyId, range.start + start, range.start + end);
}

/** What a section of the message's own header has, by its usual fields; undefined if the row does not have them. */
function selectUsualFields(
  { rows, place, usualText }: MessageRow,
  section: BodySection,
): ByteText | undefined {
  if (usualText === undefined) return undefined;
  const { offsets } = present(rows.usualFields);
  const [start, end] = [offsets[place]!, offsets[place + 1]!];
  if (start === end) return undefined;
  // Made of pieces of the text.
  return present(prepare(section).filter).select(usualText, start, end) as ByteText;
}

function cut(text: ByteText, partial: Partial): ByteText {
  if (partial === undefined) return text;
  const { start, end } = applyPartial(text.length, partial);
  return text.slice(start, end) as ByteText;
}

/** The same by its whole header. */
function selectHeader({ rows, place }: MessageRow, section: BodySection): Uint8Array | undefined {
  const header = rows.headers?.[place];
  const { filter } = prepare(section);
  return header === undefined || filter === undefined ? header : filter.apply(header);
}

/** What is made once of a section of a command, for all messages. */
interface PreparedSection {
  /** Its name in the response, without the origin. */
  readonly name: WireText;
  /** Undefined unless it is made of some fields of a header. */
  readonly filter: HeaderFilter | undefined;
}

const preparedSections = new WeakMap<BodySection, PreparedSection>();

/** The name of a whole section in a response. */
export function sectionName(section: BodySection): WireText {
  return prepare(section).name;
}

function prepare(section: BodySection): PreparedSection {
  const known = preparedSections.get(section);
  if (known !== undefined) return known;
  const { text } = section;
  const filter =
    'fieldNames' in text
      ? new HeaderFilter(text.fieldNames, text.kind === 'header-fields-not')
      : undefined;
  const prepared = { name: encodeBodySection(section), filter };
  preparedSections.set(section, prepared);
  return prepared;
}

function locate({ rows, place }: MessageRow, section: BodySection): SectionRange | undefined {
  const text = ownHeaderOf(section);
  if (text !== undefined)
    return resolveHeader({ start: 0, end: present(rows.headerBytes?.[place]) }, text);
  const structure = rows.structures?.[place];
  if (structure !== undefined) return resolveSection(structure, section);
  return { start: 0, end: present(rows.sizeBytes[place]) };
}

async function writeFields(
  session: Session,
  bodyId: number,
  range: Extract<SectionRange, { readonly fieldNames: readonly string[] }>,
  partial?: Partial,
): Promise<void> {
  const header = await readWhole(session, bodyId, range.start, range.end);
  const kept = filterHeader(header, range.fieldNames, range.isNot);
  const { start, end } = applyPartial(kept.length, partial);
  session.out.literal(end - start).bytes(kept.subarray(start, end));
}

async function writeLiteral(
  session: Session,
  bodyId: number,
  start: number,
  end: number,
): Promise<void> {
  const { out } = session;
  out.literal(end - start);
  for await (const chunk of session.store.readBody(bodyId, start, end)) {
    out.bytes(chunk);
    if (out.isFull) await out.ready();
  }
}

/** Bytes `[start, end)` of a body, at once. */
export async function readWhole(session: Session, bodyId: number, start: number, end: number) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of session.store.readBody(bodyId, start, end)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
