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

/** For whom a structure is written. */
export interface StructureReader {
  /** True for a client to which a message/global part is a message: one of IMAP4rev2. It would break those of IMAP4rev1. */
  readonly knowsGlobal: boolean;
}

interface StructureForm extends StructureReader {
  readonly isExtended: boolean;
}

const rev1: StructureReader = { knowsGlobal: false };

/**
 * The BODYSTRUCTURE of a message (or a part) with all extension data.
 *
 * @see RFC 3501, section 7.4.2; RFC 9051, section 7.5.2
 */
export function writeBodyStructure(part: MimePart, { knowsGlobal } = rev1): WireText {
  return writePart(part, { knowsGlobal, isExtended: true });
}

/** The BODY of a message: {@link writeBodyStructure} without extension data. */
export function writeBody(part: MimePart, { knowsGlobal } = rev1): WireText {
  return writePart(part, { knowsGlobal, isExtended: false });
}

/** True if a BODYSTRUCTURE that was written for IMAP4rev1 may be another one for a client that knows message/global. */
export function mayHaveGlobal(bodyStructure: string): boolean {
  return bodyStructure.includes('"message" "global"');
}

function writePart(part: MimePart, form: StructureForm): WireText {
  const items = part.children
    ? [
        joinWireText(part.children.map((child) => writePart(child, form))),
        encodeString(part.subtype),
      ]
    : writeSinglePart(part, form);
  if (form.isExtended) items.push(...writeExtension(part));
  return encodeList(items);
}

function writeSinglePart(part: MimePart, form: StructureForm): WireText[] {
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
  const isMessage = form.knowsGlobal || part.subtype === 'rfc822';
  const message = isMessage ? messageOf(part) : undefined;
  if (!message) return items;
  const envelope =
    message.envelope === undefined ? writeEnvelope([]) : readWireText(message.envelope);
  return [...items, envelope, writePart(message, form), encodeNumber(part.lineCount)];
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
