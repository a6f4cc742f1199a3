import type { BodySection } from '../fetch-item.ts';
import { HeaderFilter } from './header-filter.ts';
import { mimeLimits } from './limits.ts';
import { messageOf, type MimePart } from './mime-structure.ts';

/**
 * Bytes `[start, end)` of the message that a section is made of. With `fieldNames` they are a header, of
 * which {@link filterHeader} gives the section; a header over `mimeLimits.filteredHeaderBytes` is cut there.
 */
export type SectionRange =
  | { readonly start: number; readonly end: number; readonly fieldNames?: undefined }
  | {
      readonly start: number;
      readonly end: number;
      readonly fieldNames: readonly string[];
      /** True if the named fields are left out. */
      readonly isNot: boolean;
    };

/**
 * Finds the bytes that a section names; undefined (the client gets `NIL`) where the message has no such
 * part, and for HEADER and TEXT of a part that is no message. A message that is no multipart is its own
 * part 1, and part 1's MIME header is then the message's.
 *
 * @param structure the root, as the walker gave it
 * @see RFC 3501, section 6.4.5
 */
export function resolveSection(
  structure: MimePart,
  { part: numbers, text }: BodySection,
): SectionRange | undefined {
  const part = resolvePart(structure, numbers);
  if (!part) return undefined;
  const isWhole = numbers.length === 0;
  if (text.kind === 'all')
    return { start: isWhole ? part.headerStart : part.bodyStart, end: part.end };
  if (text.kind === 'mime') return isWhole ? undefined : headerOf(part);
  const message = isWhole ? part : messageOf(part);
  if (!message) return undefined;
  if (text.kind === 'text') return { start: message.bodyStart, end: message.end };
  return resolveHeader(headerOf(message), 'fieldNames' in text ? text : { kind: 'header' });
}

/** {@link resolveSection} for a section that is made of the header at these bytes. */
export function resolveHeader(
  { start, end }: { readonly start: number; readonly end: number },
  text: HeaderText,
): SectionRange {
  if (!('fieldNames' in text)) return { start, end };
  return {
    start,
    end: Math.min(end, start + mimeLimits.filteredHeaderBytes),
    fieldNames: text.fieldNames,
    isNot: text.kind === 'header-fields-not',
  };
}

/** What of a header a section is. */
export type HeaderText =
  | { readonly kind: 'header' }
  | Extract<BodySection['text'], { readonly fieldNames: readonly string[] }>;

/** The header of the message itself, or some of its fields; undefined for any other section. */
export function ownHeaderOf({ part, text }: BodySection): HeaderText | undefined {
  if (part.length > 0) return undefined;
  if ('fieldNames' in text) return text;
  return text.kind === 'header' ? { kind: 'header' } : undefined;
}

function headerOf(part: MimePart): { start: number; end: number } {
  return { start: part.headerStart, end: part.bodyStart };
}

/** The part of a number; undefined if the message has none. */
export function resolvePart(root: MimePart, numbers: readonly number[]): MimePart | undefined {
  let part: MimePart | undefined = root;
  // The root and the message in a message/rfc822 part are no parts themselves: part 1 of one that is no
  // multipart is its body.
  let isMessage = true;
  for (const number of numbers) {
    const message: MimePart | undefined = isMessage ? undefined : messageOf(part);
    if (message) {
      part = message;
      isMessage = true;
    }
    if (part.children) part = part.children[number - 1];
    else if (number !== 1 || !isMessage) return undefined;
    if (!part) return undefined;
    isMessage = false;
  }
  return part;
}

/**
 * The fields of a header whose name is (with `isNot`: is not) in the list, in order and unchanged, with the
 * blank line that ends the header if it has one. Names are compared without regard to case.
 *
 * @param header the bytes of the header with its blank line
 * @returns a new array
 * @see RFC 3501, section 6.4.5, HEADER.FIELDS
 */
export function filterHeader(
  header: Uint8Array,
  fieldNames: readonly string[],
  isNot: boolean,
): Uint8Array {
  return new HeaderFilter(fieldNames, isNot).apply(header);
}

/**
 * The range `[start, end)` of a section of `lengthBytes` bytes that `<offset.count>` names; the whole
 * section where it is absent. Empty where the offset is past the end.
 *
 * @see RFC 3501, section 6.4.5 (partial)
 */
export function applyPartial(
  lengthBytes: number,
  partial?: { readonly offsetBytes: number; readonly countBytes: number },
): { start: number; end: number } {
  if (!partial) return { start: 0, end: lengthBytes };
  const start = Math.min(partial.offsetBytes, lengthBytes);
  return { start, end: Math.min(start + partial.countBytes, lengthBytes) };
}
