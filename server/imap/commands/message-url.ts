import { encodeUrlForCode, type MessageUrl, parseMessageUrl } from '../../../protocol/imap-url.ts';
import {
  applyPartial,
  filterHeader,
  resolveSection,
  type SectionRange,
} from '../../../protocol/mime/body-section.ts';
import type { MailStore } from '../../../store/mail-store.ts';
import { CommandRefusedError } from '../responses.ts';
import type { Session } from '../session.ts';

/** Where the bytes lie that a URL names. */
interface UrlTarget {
  readonly bodyId: number;
  readonly range: SectionRange;
}

/**
 * The bytes of what an IMAP URL names in the mailboxes of the account, as FETCH gives them, in pieces. Rejects with BADURL if it
 * names nothing there; \Seen is not set.
 *
 * @param url - as it came, one character a byte
 * @see RFC 4469, sections 3 and 4.1
 */
export async function* readMessageUrl(session: Session, url: string): AsyncGenerator<Uint8Array> {
  const parsed = parseMessageUrl(url);
  const isKnown = parsed?.partial === undefined || !session.isOff('URL-PARTIAL');
  const target = parsed && isKnown ? await findTarget(session, parsed) : undefined;
  if (parsed === undefined || target === undefined) {
    const code = `BADURL "${encodeUrlForCode(url)}"` as const;
    throw new CommandRefusedError('NO', 'The URL names no message or part of one', code);
  }
  const { bodyId, range } = target;
  if (range.fieldNames !== undefined) {
    const header = await readWhole(session.store, target);
    const fields = filterHeader(header, range.fieldNames, range.isNot);
    const { start, end } = applyPartial(fields.length, parsed.partial);
    yield fields.subarray(start, end);
    return;
  }
  const { start, end } = applyPartial(range.end - range.start, parsed.partial);
  yield* session.store.readBody(bodyId, range.start + start, range.start + end);
}

async function findTarget(
  { store, accountId }: Session,
  { mailboxName, uidValidity, uid, section }: MessageUrl,
): Promise<UrlTarget | undefined> {
  const mailbox = await store.findMailbox(accountId, mailboxName);
  if (mailbox?.isSelectable !== true) return undefined;
  if (uidValidity !== undefined) {
    const status = await store.readStatus(mailbox);
    if (status.uidValidity !== uidValidity) return undefined;
  }
  for await (const rows of store.rows(mailbox, Uint32Array.of(uid), new Set(['structure']))) {
    const [bodyId, structure] = [rows.bodyIds[0], rows.structures?.[0]];
    const range = structure && resolveSection(structure, section);
    return bodyId === undefined || range === undefined ? undefined : { bodyId, range };
  }
  return undefined;
}

/** A header, which is read no further than `mimeLimits.filteredHeaderBytes`. */
async function readWhole(store: MailStore, { bodyId, range }: UrlTarget): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.readBody(bodyId, range.start, range.end)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
