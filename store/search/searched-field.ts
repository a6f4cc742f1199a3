import { parseAddressList, type EnvelopeAddress } from '../../protocol/mime/address-list.ts';
import { decodeEncodedWords } from '../../protocol/mime/encoded-words.ts';
import { decodeFieldText } from '../../protocol/mime/field-text.ts';
import type { HeaderField } from '../../protocol/mime/header-fields.ts';
import { mimeLimits } from '../../protocol/mime/limits.ts';
import type { TermTest } from './search-term.ts';

/** Fields, in lower case, of which the addresses are searched too. */
export const addressFieldNames: readonly string[] = [
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'bcc',
];
const addressFields = new Set(addressFieldNames);

/** A field of a header as a search sees it: decoded when that is first asked for. */
export class SearchedField {
  /** In lower case. */
  readonly name: string;
  readonly #value: string;
  #text: string | undefined;
  #addresses: string | undefined;

  constructor({ name, value }: Pick<HeaderField, 'name' | 'value'>) {
    this.name = name.toLowerCase();
    this.#value = value;
  }

  /** The field in one line: its name, its value. */
  get line(): string {
    return `${this.name}: ${this.#decodedText()}`;
  }

  /**
   * True if the term is in the value as it was written, or in an address of the envelope, where comments and folds are gone.
   *
   * @see RFC 3501, section 6.4.4 (FROM, TO, CC, BCC)
   */
  hasTerm(term: TermTest): boolean {
    if (term.isIn(this.#decodedText())) return true;
    if (!addressFields.has(this.name) || !term.mayBeInAddresses(this.#value)) return false;
    return term.isIn(this.#decodedAddresses());
  }

  #decodedText(): string {
    this.#text ??= decodeFieldText(this.name, this.#value);
    return this.#text;
  }

  #decodedAddresses(): string {
    this.#addresses ??= parseAddressList(this.#value, mimeLimits.addressCount)
      .map(writeAddress)
      .join('\n');
    return this.#addresses;
  }
}

/** `name <mailbox@host>`; no term goes over more than one, since a field has no line break in it. */
function writeAddress({ name, mailbox = '', host }: EnvelopeAddress): string {
  const address = host === undefined ? mailbox : `${mailbox}@${host}`;
  return decodeEncodedWords(`${name ?? ''} <${address}>`);
}
