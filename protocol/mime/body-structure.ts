import { encodeNString, encodeString } from '../wire-text.ts';
import { writeEnvelope } from './envelope.ts';
import { messageOf, type MimeParameters, type MimePart } from './mime-structure.ts';

/**
 * The BODYSTRUCTURE of a message (or a part) as wire text, one character for each octet, with all
 * extension data.
 *
 * @see RFC 3501, section 7.4.2
 */
export function writeBodyStructure(part: MimePart): string {
  return writePart(part, true);
}

/** The BODY of a message as wire text: {@link writeBodyStructure} without extension data. */
export function writeBody(part: MimePart): string {
  return writePart(part, false);
}

function writePart(part: MimePart, isExtended: boolean): string {
  const items = part.children
    ? [
        part.children.map((child) => writePart(child, isExtended)).join(''),
        encodeString(part.subtype),
      ]
    : writeSinglePart(part, isExtended);
  if (isExtended) items.push(...writeExtension(part));
  return `(${items.join(' ')})`;
}

function writeSinglePart(part: MimePart, isExtended: boolean): string[] {
  const items = [
    encodeString(part.type),
    encodeString(part.subtype),
    writeParameters(part.parameters),
    encodeNString(part.id),
    encodeNString(part.description),
    encodeString(part.encoding),
    String(part.end - part.bodyStart),
  ];
  if (part.type === 'text') return [...items, String(part.lineCount)];
  // IMAP4rev1 knows envelopes of message/rfc822 only; message/global (RFC 9051) would break its clients.
  const message = part.subtype === 'rfc822' ? messageOf(part) : undefined;
  if (!message) return items;
  const envelope = message.envelope ?? writeEnvelope([]);
  return [...items, envelope, writePart(message, isExtended), String(part.lineCount)];
}

function writeExtension(part: MimePart): string[] {
  const { disposition, languages } = part;
  return [
    part.children ? writeParameters(part.parameters) : encodeNString(part.md5),
    disposition
      ? `(${encodeString(disposition.type)} ${writeParameters(disposition.parameters)})`
      : 'NIL',
    languages ? `(${languages.map(encodeString).join(' ')})` : 'NIL',
    encodeNString(part.location),
  ];
}

function writeParameters(parameters: MimeParameters): string {
  if (parameters.length === 0) return 'NIL';
  const strings = parameters.flatMap(([name, value]) => [encodeString(name), encodeString(value)]);
  return `(${strings.join(' ')})`;
}
