/**
 * The version of what the walker finds in a message: structure, envelope, parameters. It goes up by one when the same bytes
 * give another result, so that stores know what to read again. 1: all before parameters were joined after RFC 2231.
 */
export const walkerVersion = 2;

/**
 * A parameter list in the order of the header: names in lower case, continuations joined, values undecoded.
 * @see readParameters
 */
export type MimeParameters = readonly (readonly [name: string, value: string])[];

/**
 * One part of a message, the message itself being the root. Offsets are bytes from the start of the
 * message. All text is wire text: one character for each byte (latin1), undecoded.
 *
 * @see RFC 3501, section 7.4.2 (BODYSTRUCTURE); RFC 2045; RFC 2046
 */
export interface MimePart {
  /** Where the part's header begins. */
  readonly headerStart: number;
  /** Where its body begins: after the blank line. Equal to `end` where there is no body. */
  readonly bodyStart: number;
  /** Where its body ends: before the line break that belongs to the boundary. At the root, the message's size. */
  readonly end: number;
  /** Line breaks in the body: a last line without one does not count (nor does it for Dovecot and Cyrus). */
  readonly lineCount: number;
  /** In lower case, `text` where the header names none or a broken one. */
  readonly type: string;
  readonly subtype: string;
  readonly parameters: MimeParameters;
  readonly id?: string;
  readonly description?: string;
  /** In lower case; `7bit` if absent. */
  readonly encoding: string;
  readonly md5?: string;
  readonly disposition?: { readonly type: string; readonly parameters: MimeParameters };
  readonly languages?: readonly string[];
  readonly location?: string;
  /** The parts of a multipart, at least one; absent for other types. */
  readonly children?: readonly MimePart[];
  /** The message inside a message/rfc822 (or message/global) part; absent if the part is encoded. */
  readonly message?: MimePart;
  /** Wire text of the ENVELOPE of the message at the root or inside a message/rfc822 part. */
  readonly envelope?: string;
}

/** True for the types whose body is a message. @see RFC 2046, section 5.2.1; RFC 6532, section 3.7 */
export function isMessageType({ type, subtype }: Pick<MimePart, 'type' | 'subtype'>): boolean {
  return type === 'message' && (subtype === 'rfc822' || subtype === 'global');
}

/**
 * The message inside a part; undefined for a part of another type. One that the walker did not open (it is
 * encoded, or too deep) is given as a message without header whose text is the part's body, because the
 * grammar of BODYSTRUCTURE knows no message/rfc822 without a message.
 */
export function messageOf(part: MimePart): MimePart | undefined {
  if (part.message || !isMessageType(part)) return part.message;
  const { bodyStart, end, lineCount, encoding } = part;
  return {
    headerStart: bodyStart,
    bodyStart,
    end,
    lineCount,
    type: 'text',
    subtype: 'plain',
    parameters: [],
    encoding,
  };
}
