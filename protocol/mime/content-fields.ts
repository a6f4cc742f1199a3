import { toLowerCase, trimStart } from './ascii-text.ts';
import { findHeaderValue, type HeaderField } from './header-fields.ts';
import type { MimePart } from './mime-structure.ts';
import { readParameters } from './parameters.ts';

/** What the header of a part says of its body; undefined fields are absent. */
export type ContentFields = Pick<
  MimePart,
  | 'type'
  | 'subtype'
  | 'parameters'
  | 'id'
  | 'description'
  | 'encoding'
  | 'md5'
  | 'disposition'
  | 'languages'
  | 'location'
>;

/** What a part without Content-Type is: text, or in a digest a message. */
export type DefaultType = 'text/plain' | 'message/rfc822';

/** RFC 2045, section 5.1 `token`, and bytes above 127, which broken mailers write. */
const token = String.raw`[^\0-\x20\x7f()<>@,;:\\"/[\]?=]+`;
const mediaTypePattern = new RegExp(`^(${token})[ \\t]*/[ \\t]*(${token})`);
const tokenPattern = new RegExp(`^${token}`);

/**
 * Reads the content fields of a header. Where a field comes twice the first one counts, as it does for
 * Dovecot and mailparser. Takes linear time and never throws.
 *
 * @see RFC 2045; RFC 2183; RFC 3282; RFC 2557, section 4
 */
export function readContentFields(
  fields: readonly HeaderField[],
  defaultType: DefaultType,
): ContentFields {
  const id = findHeaderValue(fields, 'content-id');
  const description = findHeaderValue(fields, 'content-description');
  const md5 = findHeaderValue(fields, 'content-md5');
  const disposition = readDisposition(findHeaderValue(fields, 'content-disposition'));
  const languages = readLanguages(findHeaderValue(fields, 'content-language'));
  const location = findHeaderValue(fields, 'content-location');
  return {
    ...readContentType(findHeaderValue(fields, 'content-type'), defaultType),
    encoding: readEncoding(findHeaderValue(fields, 'content-transfer-encoding')),
    ...(id && { id }),
    ...(description && { description }),
    ...(md5 && { md5 }),
    ...(disposition && { disposition }),
    ...(languages && { languages }),
    ...(location && { location }),
  };
}

function readContentType(
  value: string | undefined,
  defaultType: DefaultType,
): Pick<ContentFields, 'type' | 'subtype' | 'parameters'> {
  if (value === undefined) {
    return defaultType === 'message/rfc822'
      ? { type: 'message', subtype: 'rfc822', parameters: [] }
      : { type: 'text', subtype: 'plain', parameters: [['charset', 'us-ascii']] };
  }
  const text = skipComment(value);
  const match = mediaTypePattern.exec(text);
  const parameters = readParameters(text);
  if (!match) return { type: 'text', subtype: 'plain', parameters };
  return { type: toLowerCase(match[1]!), subtype: toLowerCase(match[2]!), parameters };
}

function readEncoding(value: string | undefined): string {
  const match = tokenPattern.exec(skipComment(value ?? ''));
  return match ? toLowerCase(match[0]) : '7bit';
}

function readDisposition(value: string | undefined): ContentFields['disposition'] {
  const text = skipComment(value ?? '');
  const match = tokenPattern.exec(text);
  return match ? { type: toLowerCase(match[0]), parameters: readParameters(text) } : undefined;
}

function readLanguages(value: string | undefined): string[] | undefined {
  const tags = (value ?? '')
    .split(',')
    .map((tag) => tokenPattern.exec(skipComment(tag))?.[0])
    .filter((tag) => tag !== undefined);
  return tags.length > 0 ? tags : undefined;
}

/** Without white space and one comment at the start. */
function skipComment(value: string): string {
  const text = trimStart(value);
  if (!text.startsWith('(')) return text;
  const end = text.indexOf(')');
  return end === -1 ? text : trimStart(text.slice(end + 1));
}
