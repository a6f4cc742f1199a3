import type { FetchItem } from '../../protocol/fetch-item.ts';
import { writeBody } from '../../protocol/mime/body-structure.ts';
import { encodeInternalDate } from '../../protocol/wire-text.ts';
import type { MessageField, StoredMessage } from '../../store/mail-store.ts';
import { writeSection } from './fetch-section.ts';
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

/** What the store must read for these items. */
export function fieldsOf(items: readonly FetchItem[]): ReadonlySet<MessageField> {
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

/** Writes `* n FETCH (…)` of one message, waiting for a client that does not keep up. */
export async function writeFetchResponse(
  session: Session,
  message: StoredMessage,
  items: readonly FetchItem[],
): Promise<void> {
  const { out, mailbox } = session;
  const sequenceNumber = mailbox.snapshot.sequenceNumberOf(message.uid);
  if (sequenceNumber === undefined) return;
  if (items.some(({ item }) => item === 'FLAGS')) mailbox.learnKeywords(message.flags, out);
  out.write(`* ${sequenceNumber} FETCH (`);
  let separator = '';
  for (const item of items) {
    out.write(separator);
    separator = ' ';
    await writeItem(session, message, item);
  }
  out.write(')\r\n');
  if (out.isFull) await out.ready();
}

async function writeItem(session: Session, message: StoredMessage, item: FetchItem): Promise<void> {
  const { out } = session;
  switch (item.item) {
    case 'UID':
      return out.write(`UID ${message.uid}`);
    case 'FLAGS':
      return out.write(`FLAGS ${session.mailbox.formatFlags(message.uid, message.flags)}`);
    case 'MODSEQ':
      return out.write(`MODSEQ (${message.modseq})`);
    case 'RFC822.SIZE':
      return out.write(`RFC822.SIZE ${message.sizeBytes}`);
    case 'INTERNALDATE':
      return out.write(`INTERNALDATE ${encodeInternalDate(present(message.internalDate))}`);
    case 'ENVELOPE':
      return out.write(`ENVELOPE ${present(message.envelope)}`);
    case 'BODYSTRUCTURE':
      return out.write(`BODYSTRUCTURE ${present(message.bodyStructure)}`);
    case 'BODY':
      return out.write(`BODY ${writeBody(present(message.structure))}`);
    case 'RFC822':
      return writeSection(session, message, 'RFC822', { part: [], text: { kind: 'all' } });
    case 'RFC822.HEADER':
      return writeSection(session, message, item.item, { part: [], text: { kind: 'header' } });
    case 'RFC822.TEXT':
      return writeSection(session, message, item.item, { part: [], text: { kind: 'text' } });
    case 'BODY[]':
      return writeSection(session, message, 'BODY[]', item.section, item.partial);
  }
}

/** What the store was asked for is there. */
function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('The store left out a field that was asked for');
  return value;
}
