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
import { writeBody } from '../../../protocol/mime/body-structure.ts';
import { encodeInternalDate, type InternalDate } from '../../../protocol/dates.ts';
import {
  encodeBodySection,
  type Encoder,
  readWireText,
  type WireText,
} from '../../../protocol/encoder.ts';
import {
  type FlagChangeResult,
  type MessageColumn,
  type MessageRows,
  StoreError,
} from '../../../store/mail-store.ts';
import { Turn } from '../../../store/turns.ts';
import { isUsualField } from '../../../store/usual-fields.ts';
import type { CommandHandler, Completion } from '../dispatch.ts';
import type { MailboxView } from '../mailbox-view.ts';
import type { Session } from '../session.ts';

/** @see RFC 3501, section 6.4.5; RFC 7162, section 3.1.4 (CHANGEDSINCE, MODSEQ) */
export const fetch: CommandHandler<'FETCH'> = async (session, command) => {
  const { isUid, changedSince } = command;
  const { view } = session;
  const items = completeItems(command.items, isUid, changedSince !== undefined);
  if (hasItem(items, 'MODSEQ')) session.hasCondstore = true;
  const uids = view.named(command.set, isUid);
  const since = changedSince ?? -1;
  const columns = columnsOf(items);
  const missing =
    columns === undefined
      ? await fetchFromFeed(session, uids, items, since)
      : await fetchFromStore(session, changedAfter(view, uids, since), items, columns);
  return complete(isUid, missing);
};

/** Messages that are gone are passed over; the client is told why a number had no answer (RFC 2180, section 4.1.3). */
function complete(isUid: boolean, missingCount: number): Completion {
  if (isUid || missingCount === 0) return { text: 'FETCH completed' };
  return { text: 'FETCH completed, some messages are gone', code: 'EXPUNGEISSUED' };
}

function hasItem(items: readonly FetchItem[], name: FetchItem['item']): boolean {
  return items.some(({ item }) => item === name);
}

/** UID FETCH answers with the UID, CHANGEDSINCE with the modseq, asked for or not. */
function completeItems(
  items: readonly FetchItem[],
  hasUid: boolean,
  hasModseq: boolean,
): readonly FetchItem[] {
  return [
    ...(hasUid && !hasItem(items, 'UID') ? [{ item: 'UID' } as const] : []),
    ...items,
    ...(hasModseq && !hasItem(items, 'MODSEQ') ? [{ item: 'MODSEQ' } as const] : []),
  ];
}

function changedAfter({ feed }: MailboxView, uids: Uint32Array, since: number): Uint32Array {
  if (since < 0) return uids;
  let index = -1;
  return uids.filter((uid) => {
    const found = feed.indexOf(uid, index + 1);
    if (found === -1) return false;
    index = found;
    return feed.modseqAt(index) > since;
  });
}

/** UID, FLAGS and MODSEQ; returns how many of the messages are gone. */
async function fetchFromFeed(
  session: Session,
  uids: Uint32Array,
  items: readonly FetchItem[],
  since: number,
): Promise<number> {
  const { view, out } = session;
  const { feed } = view;
  const told = {
    uid: hasItem(items, 'UID'),
    flags: hasItem(items, 'FLAGS'),
    modseq: hasItem(items, 'MODSEQ'),
  };
  const turn = new Turn(out);
  let [number, index, missingCount] = [0, -1, 0];
  for (const uid of uids) {
    if (turn.look()) await turn.next();
    const found = feed.indexOf(uid, index + 1);
    if (found === -1) {
      missingCount += 1;
      continue;
    }
    index = found;
    number = view.numberOf(uid, number + 1) ?? number;
    if (feed.modseqAt(index) <= since) continue;
    view.writeFlags(out, { number, index, ...told });
    turn.wrote();
  }
  return missingCount;
}

/** All other items; returns how many of the messages are gone. */
async function fetchFromStore(
  session: Session,
  uids: Uint32Array,
  items: readonly FetchItem[],
  columns: ReadonlySet<MessageColumn>,
): Promise<number> {
  const { view, store } = session;
  const marksSeen = !view.isReadOnly && items.some(setsSeen);
  let [number, answeredCount] = [0, 0];
  for await (const rows of store.rows(view.box, uids, columns)) {
    const seenUids = marksSeen ? await markSeen(session, rows) : undefined;
    for (const [place, uid] of rows.uids.entries()) {
      const index = view.feed.indexOf(uid);
      if (index === -1) continue;
      number = view.numberOf(uid, number + 1) ?? number;
      answeredCount += 1;
      const told = seenUids?.has(uid) === true ? withChange(items, session.hasCondstore) : items;
      await writeFetchResponse(session, { rows, place, number, index }, told);
    }
  }
  if (answeredCount < uids.length) await expectGone(view, uids, answeredCount);
  return uids.length - answeredCount;
}

/** Messages that had no answer must be gone: a client takes what is missing for deleted. */
async function expectGone(
  { feed, box }: MailboxView,
  uids: Uint32Array,
  answeredCount: number,
): Promise<void> {
  // What was expunged before the rows were read is not in the feed then.
  if ((await feed.refresh()) === undefined) return;
  const count = uids.filter((uid) => feed.indexOf(uid) !== -1).length;
  if (count <= answeredCount) return;
  throw new StoreError('CORRUPTION', 'The mail store is damaged, see the log of the server', {
    cause: new Error(`Mailbox ${box.mailboxId} lacks rows of ${count - answeredCount} messages`),
  });
}

/** Sets \Seen where it is missing; UIDs of the messages that this changed. */
async function markSeen({ store, view }: Session, rows: MessageRows): Promise<ReadonlySet<number>> {
  const { feed } = view;
  // Else \Seen would not come back to a message from which another session has just taken it.
  await feed.refresh();
  const uids = rows.uids.filter((uid) => {
    const index = feed.indexOf(uid);
    return index !== -1 && !feed.flagSets.has(feed.flagSetNumberAt(index), '\\Seen');
  });
  if (uids.length === 0) return new Set();
  const change = { mode: 'add', flags: ['\\Seen'] } as const;
  const { modseq, changedUids } = await store
    .storeFlags(view.box, uids, change)
    .catch(ignoreFullDisk);
  if (modseq === undefined) return new Set();
  await feed.reach(modseq);
  view.noteOwnChange(modseq);
  return new Set(changedUids);
}

/** Reading goes on if nothing can be stored: \Seen is not set, and nobody is told so. */
function ignoreFullDisk(error: unknown): Pick<FlagChangeResult, 'modseq' | 'changedUids'> {
  const isOfDisk =
    error instanceof StoreError && (error.code === 'OVERQUOTA' || error.code === 'UNAVAILABLE');
  if (!isOfDisk) throw error;
  return { modseq: undefined, changedUids: new Uint32Array() };
}

/** The client is told of \Seen in the same response, and of the modseq (RFC 7162, section 3.1). */
function withChange(items: readonly FetchItem[], hasModseq: boolean): readonly FetchItem[] {
  return [
    ...items,
    ...(hasItem(items, 'FLAGS') ? [] : [{ item: 'FLAGS' } as const]),
    ...(hasItem(items, 'MODSEQ') || !hasModseq ? [] : [{ item: 'MODSEQ' } as const]),
  ];
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
function columnsOf(items: readonly FetchItem[]): ReadonlySet<MessageColumn> | undefined {
  if (items.every(({ item }) => item === 'UID' || item === 'FLAGS' || item === 'MODSEQ')) {
    return undefined;
  }
  const columns = items.map((item) =>
    item.item === 'BODY[]' ? columnOf(item.section) : columnsByItem[item.item],
  );
  const wanted = new Set(columns.filter((column) => column !== undefined));
  if (wanted.has('header')) wanted.delete('usualFields');
  return wanted;
}

/** What locates a section, or has its bytes. The whole message needs nothing, and it is what most clients read. */
function columnOf(section: BodySection): MessageColumn | undefined {
  const text = ownHeaderOf(section);
  if (text !== undefined) return hasUsualFieldsOnly(text) ? 'usualFields' : 'header';
  return section.part.length === 0 && section.text.kind === 'all' ? undefined : 'structure';
}

function hasUsualFieldsOnly(text: HeaderText): boolean {
  return text.kind === 'header-fields' && text.fieldNames.every(isUsualField);
}

/** True for an item that sets \Seen. @see RFC 3501, section 6.4.5 */
function setsSeen(item: FetchItem): boolean {
  if (item.item === 'BODY[]') return !item.isPeek;
  return item.item === 'RFC822' || item.item === 'RFC822.TEXT';
}

/** A message among the rows of the store. */
interface MessageRow {
  readonly rows: MessageRows;
  readonly place: number;
}

/** A message as a FETCH response finds it: its row in the store, its number, and its place in the feed. */
interface FetchedMessage extends MessageRow {
  readonly number: number;
  /** Good until something is awaited. */
  readonly index: number;
}

/** Writes `* n FETCH (…)` of one message, waiting for a client that does not keep up. */
async function writeFetchResponse(
  session: Session,
  { rows, place, number, index }: FetchedMessage,
  items: readonly FetchItem[],
): Promise<void> {
  const { out, view } = session;
  if (hasItem(items, 'FLAGS')) view.tellKeywords(out);
  // Before anything is awaited: the feed may change then.
  const flags = view.flagList(index);
  const modseq = view.feed.modseqAt(index);
  out.begin().number(number).atom('FETCH').open();
  for (const item of items) {
    const written = writeItem(session, { rows, place, flags, modseq }, item);
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
          ? prepare(item.section).name
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

/** What the store was asked for is there. */
function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('The store left out a field that was asked for');
  return value;
}

type Partial = Extract<FetchItem, { readonly item: 'BODY[]' }>['partial'];

/** Writes what a section of a message holds, as `NIL` or a literal; its name stands before it. Undefined if it is written. */
function writeSection(
  session: Session,
  message: MessageRow,
  section: BodySection,
  partial?: Partial,
): Promise<void> | undefined {
  const { out } = session;
  const header = readHeaderOf(message, section);
  if (header !== undefined) {
    const { start, end } = applyPartial(header.length, partial);
    out.literal(end - start).bytes(header.subarray(start, end));
    return undefined;
  }
  const range = locate(message, section);
  if (range === undefined) {
    out.nstring(undefined);
    return undefined;
  }
  const bodyId = present(message.rows.bodyIds[message.place]);
  if (range.fieldNames !== undefined) return writeFields(session, bodyId, range, partial);
  const { start, end } = applyPartial(range.end - range.start, partial);
  return writeLiteral(session, bodyId, range.start + start, range.start + end);
}

/** The bytes of a section that the row of the message has; undefined if they are to be read from its body. */
function readHeaderOf({ rows, place }: MessageRow, section: BodySection): Uint8Array | undefined {
  const header = rows.headers?.[place] ?? rows.usualFields?.[place];
  if (header === undefined || ownHeaderOf(section) === undefined) return undefined;
  const { filter } = prepare(section);
  return filter === undefined ? header : filter.apply(header);
}

/** What is made once of a section of a command, for all messages. */
interface PreparedSection {
  /** Its name in the response, without the origin. */
  readonly name: WireText;
  /** Undefined unless it is made of some fields of a header. */
  readonly filter: HeaderFilter | undefined;
}

const preparedSections = new WeakMap<BodySection, PreparedSection>();

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

async function readWhole(session: Session, bodyId: number, start: number, end: number) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of session.store.readBody(bodyId, start, end)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
