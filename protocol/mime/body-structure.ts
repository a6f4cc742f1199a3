import {
  encodeList,
  encodeNString,
  encodeNumber,
  encodeString,
  joinWireText,
  nil,
  readWireText,
  type WireText,
} from '../wire-text.ts';
import { writeEnvelope } from './envelope.ts';
import { messageOf, type MimeParameters, type MimePart } from './mime-structure.ts';

/**
 * The BODYSTRUCTURE of a message (or a part) with all extension data.
 *
 * @see RFC 3501, section 7.4.2
 */
export function writeBodyStructure(part: MimePart): WireText {
  return writePart(part, true);
}

/** The BODY of a message: {@link writeBodyStructure} without extension data. */
export function writeBody(part: MimePart): WireText {
  return writePart(part, false);
}

function writePart(part: MimePart, isExtended: boolean): WireText {
  const items = part.children
    ? [
        joinWireText(part.children.map((child) => writePart(child, isExtended))),
        encodeString(part.subtype),
      ]
    : writeSinglePart(part, isExtended);
  if (isExtended) items.push(...writeExtension(part));
  return encodeList(items);
}

function writeSinglePart(part: MimePart, isExtended: boolean): WireText[] {
  const items = [
    encodeString(part.type),
    encodeString(part.subtype),
    writeParameters(part.parameters),
    encodeNString(part.id),
    encodeNString(part.description),
    encodeString(part.encoding),
    encodeNumber(part.end - part.bodyStart),
  ];
  if (part.type === 'text') return [...items, encodeNumber(part.lineCount)];
  // IMAP4rev1 knows envelopes of message/rfc822 only; message/global (RFC 9051) would break its clients.
  const message = part.subtype === 'rfc822' ? messageOf(part) : undefined;
  if (!message) return items;
  const envelope =
    message.envelope === undefined ? writeEnvelope([]) : readWireText(message.envelope);
  return [...items, envelope, writePart(message, isExtended), encodeNumber(part.lineCount)];
}

function writeExtension(part: MimePart): WireText[] {
  const { disposition, languages } = part;
  return [
    part.children ? writeParameters(part.parameters) : encodeNString(part.md5),
    disposition
      ? encodeList([encodeString(disposition.type), writeParameters(disposition.parameters)])
      : nil,
    languages ? encodeList(languages.map((language) => encodeString(language))) : nil,
    encodeNString(part.location),
  ];
}

function writeParameters(parameters: MimeParameters): WireText {
  if (parameters.length === 0) return nil;
  const strings = parameters.flatMap(([name, value]) => [encodeString(name), encodeString(value)]);
  return encodeList(strings);
}
