import { CommandError, type Decoder } from '../decoder.ts';
import type { BodySection, SectionText } from '../fetch-item.ts';
import { maxHeaderFields, maxSectionDepth } from '../limits.ts';

/** A section between its brackets. @see RFC 3501, section 9, `section-spec` */
export function expectSectionSpec(decoder: Decoder): BodySection {
  const part: number[] = [];
  let hasText = !decoder.isNext(']') && !decoder.isAtEnd();
  while (hasText && decoder.isDigitNext()) {
    part.push(decoder.expectNumber('part number above 0', 1));
    if (part.length > maxSectionDepth) {
      throw new CommandError(`Section part has more than ${maxSectionDepth} numbers`);
    }
    hasText = decoder.accept('.');
  }
  return { part, text: hasText ? expectSectionText(decoder, part.length > 0) : { kind: 'all' } };
}

/** The number of a part, or nothing, before the bracket. @see RFC 3516, section 7, `section-binary` */
export function expectSectionPart(decoder: Decoder): readonly number[] {
  if (decoder.isNext(']')) return [];
  const part: number[] = [];
  do {
    part.push(decoder.expectNumber('part number above 0', 1));
    if (part.length > maxSectionDepth) {
      throw new CommandError(`Section part has more than ${maxSectionDepth} numbers`);
    }
  } while (decoder.accept('.'));
  return part;
}

function expectSectionText(decoder: Decoder, hasPart: boolean): SectionText {
  const start = decoder.position;
  const name = decoder.expectName('section');
  switch (name) {
    case 'HEADER':
      return { kind: 'header' };
    case 'TEXT':
      return { kind: 'text' };
    case 'HEADER.FIELDS':
      return { kind: 'header-fields', fieldNames: expectHeaderList(decoder) };
    case 'HEADER.FIELDS.NOT':
      return { kind: 'header-fields-not', fieldNames: expectHeaderList(decoder) };
    case 'MIME':
      // Only a part has a MIME header of its own
      if (hasPart) return { kind: 'mime' };
  }
  throw decoder.expected('section', start);
}

function expectHeaderList(decoder: Decoder): readonly string[] {
  const names: string[] = [];
  decoder.expectSpace();
  decoder.expectList('header field names', maxHeaderFields, () => {
    names.push(decoder.expectAString('header field name'));
  });
  if (names.length === 0) throw new CommandError('Expected header field names, got an empty list');
  return names;
}
