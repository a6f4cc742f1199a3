import type { BodySection, FetchItem } from '../../protocol/fetch-item.ts';
import {
  applyPartial,
  filterHeader,
  resolveSection,
  type SectionRange,
} from '../../protocol/mime/body-section.ts';
import { encodeAString } from '../../protocol/wire-text.ts';
import type { StoredMessage } from '../../store/mail-store.ts';
import { ConnectionLostError } from './response-stream.ts';
import type { Session } from './session.ts';

type Partial = Extract<FetchItem, { readonly item: 'BODY[]' }>['partial'];

/**
 * Writes one section of a message: its name, then `NIL` or a literal. `name` is `BODY[]`, which is filled in
 * with the section, or an item of RFC 822 times.
 */
export async function writeSection(
  session: Session,
  message: StoredMessage,
  name: string,
  section: BodySection,
  partial?: Partial,
): Promise<void> {
  session.out.write(
    name === 'BODY[]' ? `BODY[${formatSection(section)}]${formatOrigin(partial)} ` : `${name} `,
  );
  const range = locate(message, section);
  if (range === undefined) return session.out.write('NIL');
  if (range.fieldNames !== undefined) {
    const header = await readWhole(session, message.bodyId, range.start, range.end);
    const kept = filterHeader(header, range.fieldNames, range.isNot);
    const { start, end } = applyPartial(kept.length, partial);
    session.out.write(`{${end - start}}\r\n`);
    return session.out.writeBytes(kept.subarray(start, end));
  }
  const { start, end } = applyPartial(range.end - range.start, partial);
  await writeLiteral(session, message.bodyId, range.start + start, range.start + end);
}

function locate(message: StoredMessage, section: BodySection): SectionRange | undefined {
  if (message.structure !== undefined) return resolveSection(message.structure, section);
  return { start: 0, end: message.sizeBytes };
}

/** After the size is announced nothing but the octets may follow: a failure ends the connection. */
async function writeLiteral(
  session: Session,
  bodyId: number,
  start: number,
  end: number,
): Promise<void> {
  const { out } = session;
  out.write(`{${end - start}}\r\n`);
  let leftBytes = end - start;
  try {
    for await (const chunk of session.store.readBody(bodyId, start, end)) {
      out.writeBytes(chunk);
      leftBytes -= chunk.length;
      if (out.isFull) await out.ready();
    }
  } catch (error) {
    session.connection.destroy();
    throw error instanceof ConnectionLostError ? error : abandoned(session, error);
  }
  if (leftBytes !== 0) throw abandoned(session, new Error(`Body lacks ${leftBytes} octets`));
}

function abandoned(session: Session, error: unknown): ConnectionLostError {
  session.log('error', { err: error }, 'cannot finish a literal');
  session.connection.destroy();
  return new ConnectionLostError();
}

async function readWhole(session: Session, bodyId: number, start: number, end: number) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of session.store.readBody(bodyId, start, end)) chunks.push(chunk);
  return Buffer.concat(chunks);
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
