/**
 * What of a body part a section names.
 *
 * - `all`: the whole part, or with no part number the whole message
 * - `header`, `text`: of the message, or of the message/rfc822 part that `part` names
 * - `mime`: the MIME header of the part
 * - `header-fields`, `header-fields-not`: the header, only or without the named fields
 *
 * @see RFC 3501, section 6.4.5
 */
export type SectionText =
  | { readonly kind: 'all' | 'header' | 'text' | 'mime' }
  | {
      readonly kind: 'header-fields' | 'header-fields-not';
      /** As the client wrote them; compared without regard to case. */
      readonly fieldNames: readonly string[];
    };

/** A section: the part number (empty: the message itself), and what of it. */
export interface BodySection {
  readonly part: readonly number[];
  readonly text: SectionText;
}

/** Bytes of a section: `<offset.count>`. */
export interface PartialRange {
  readonly offsetBytes: number;
  readonly countBytes: number;
}

/** A part without its transfer encoding, or how many bytes that has. @see RFC 3516, section 4.2 */
export type BinaryItem =
  | {
      readonly item: 'BINARY[]';
      /** True for `BINARY.PEEK[…]`, which does not set \Seen. */
      readonly isPeek: boolean;
      /** The part number; empty: the message. */
      readonly part: readonly number[];
      /** Of what is decoded; absent for all of it. */
      readonly partial?: PartialRange;
    }
  | { readonly item: 'BINARY.SIZE[]'; readonly part: readonly number[] };

/** True for a {@link BinaryItem}. */
export function isBinaryItem(item: FetchItem): item is BinaryItem {
  return item.item === 'BINARY[]' || item.item === 'BINARY.SIZE[]';
}

/**
 * One data item of FETCH. The macros (`ALL`, `FAST`, `FULL`) and the items `RFC822`, `RFC822.HEADER` and
 * `RFC822.TEXT` keep their own names, because the response must use them.
 *
 * @see RFC 3501, section 6.4.5; RFC 7162, section 3.1.4; RFC 8474, section 5 (EMAILID, THREADID); RFC 8514 (SAVEDATE);
 * RFC 8970 (PREVIEW)
 */
export type FetchItem =
  | {
      readonly item:
        | 'ENVELOPE'
        | 'FLAGS'
        | 'INTERNALDATE'
        | 'RFC822'
        | 'RFC822.HEADER'
        | 'RFC822.TEXT'
        | 'RFC822.SIZE'
        | 'BODY'
        | 'BODYSTRUCTURE'
        | 'UID'
        | 'MODSEQ'
        | 'EMAILID'
        | 'THREADID'
        | 'SAVEDATE'
        | 'PREVIEW';
    }
  | {
      readonly item: 'BODY[]';
      /** True for `BODY.PEEK[…]`, which does not set \Seen. */
      readonly isPeek: boolean;
      readonly section: BodySection;
      /** Absent for the whole section. */
      readonly partial?: PartialRange;
    }
  | BinaryItem;
