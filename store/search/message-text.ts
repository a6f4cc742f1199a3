import type { MimePart } from '../../protocol/mime/mime-structure.ts';
import { HeaderFilter } from '../../protocol/mime/header-filter.ts';
import { mimeLimits } from '../../protocol/mime/limits.ts';
import { decodePartText } from '../../protocol/mime/part-text.ts';
import { limits } from '../limits.ts';
import type { Pacer } from './pacer.ts';
import { PartTextDecoder } from './part-text-decoder.ts';
import type { SearchedContent, SearchSource } from './search-source.ts';
import { type TermTest, TextMatcher } from './search-term.ts';
import { addressFieldNames, SearchedField } from './searched-field.ts';

/**
 * What can be searched in one message, decoded when it is first asked for. What lies in the bytes that the engine gave along
 * is answered at once; only the rest of large messages is read, and the answer promised.
 */
export class MessageText {
  readonly #source: SearchSource;
  readonly #content: SearchedContent;
  readonly #pacer: Pacer;
  /** The header of the message, one character a byte. */
  #header: string | undefined;
  #fields: readonly SearchedField[] | undefined;
  #fieldsByName: ReadonlyMap<string, readonly SearchedField[]> | undefined;
  /** Names of fields that were asked for. */
  #nameCount = 0;
  #sections: readonly TextSection[] | undefined;
  /** The texts of sections that have been decoded, for the next term, as long as they are small. */
  readonly #texts = new Map<TextSection, readonly string[]>();
  #keptBytes = 0;

  constructor(source: SearchSource, content: SearchedContent, pacer: Pacer) {
    this.#source = source;
    this.#content = content;
    this.#pacer = pacer;
  }

  /** If a slice of time is used up: settles when it is the search's turn again. */
  pauseIfDue(): Promise<void> | undefined {
    return this.#pacer.isDue ? this.#pacer.pause() : undefined;
  }

  /**
   * True if a field of a name has the term in its value or, if it has addresses, in one of these.
   *
   * @param name in lower case
   * @param filter keeps the fields of this name
   */
  hasField(name: string, filter: HeaderFilter, term: TermTest): boolean | Promise<boolean> {
    return this.#testHeader((header) =>
      this.#fieldsNamed(name, filter, header).some((field) => field.hasTerm(term)),
    );
  }

  /** For the first name only these are read, from the second on all. */
  #fieldsNamed(name: string, filter: HeaderFilter, header: string): readonly SearchedField[] {
    this.#nameCount += 1;
    if (this.#nameCount === 1) {
      return filter.fieldsOf(header, 0, header.length).map((field) => new SearchedField(field));
    }
    this.#fields ??= toFields(header);
    this.#fieldsByName ??= Map.groupBy(this.#fields, (field) => field.name);
    return this.#fieldsByName.get(name) ?? [];
  }

  /** True if the term is in a line of the header, field names included. */
  hasInHeader(term: TermTest): boolean | Promise<boolean> {
    return this.#testHeader((header) => {
      if (!mayBeInFields(header, term)) return false;
      this.#fields ??= toFields(header);
      return this.#fields.some((field) => term.isIn(field.line) || field.hasTerm(term));
    });
  }

  /** True if the term is in the text of the body. */
  hasInBody(term: TermTest): boolean | Promise<boolean> {
    if (term.isEmpty) return true;
    const { structure } = this.#content;
    if (structure === undefined) throw new Error('The body was read without its structure');
    this.#sections ??= [...textSections(structure)];
    for (const [index, section] of this.#sections.entries()) {
      const verdict = this.#isInSection(term, section);
      if (verdict === true) return true;
      if (verdict !== false) return this.#isInRest(term, verdict, this.#sections.slice(index + 1));
    }
    return false;
  }

  /** @param first the verdict on the section before the rest */
  async #isInRest(
    term: TermTest,
    first: Promise<boolean>,
    rest: readonly TextSection[],
  ): Promise<boolean> {
    if (await first) return true;
    for (const section of rest) {
      if (this.#pacer.isDue) await this.#pacer.pause();
      const verdict = this.#isInSection(term, section);
      if (verdict === true || (verdict !== false && (await verdict))) return true;
    }
    return false;
  }

  #isInSection(term: TermTest, section: TextSection): boolean | Promise<boolean> {
    const kept = this.#texts.get(section);
    if (kept !== undefined) return isInTexts(term, section, kept);
    const bytes = this.#atHand(section.start, section.end);
    if (bytes === undefined) {
      return section.kind === 'header'
        ? this.#isInUnreadHeader(term, section)
        : this.#isInUnreadPart(term, section);
    }
    if (section.kind === 'header') return this.#isInHeader(term, section, bytes);
    const texts = [decodePartText(section.part, bytes)];
    if (this.#reserve(section)) this.#texts.set(section, texts);
    return isInTexts(term, section, texts);
  }

  #isInHeader(term: TermTest, section: TextSection, bytes: Uint8Array): boolean {
    const header = toText(bytes);
    if (!term.mayBeInHeader(header)) return false;
    const lines = toFields(header).map(({ line }) => line);
    if (this.#reserve(section)) this.#texts.set(section, lines);
    return isInTexts(term, section, lines);
  }

  async #isInUnreadHeader(term: TermTest, section: TextSection): Promise<boolean> {
    return this.#isInHeader(term, section, await this.#readHeader(section.start, section.end));
  }

  async #isInUnreadPart(
    term: TermTest,
    section: TextSection & { readonly kind: 'part' },
  ): Promise<boolean> {
    const { part, start, end } = section;
    const decoder = new PartTextDecoder(part);
    const matcher = new TextMatcher(term);
    const texts: string[] | undefined = this.#reserve(section) ? [] : undefined;
    for await (const chunk of this.#source.readBytes(this.#content.bodyId, start, end)) {
      for (const text of decoder.push(chunk)) {
        if (matcher.push(text)) return true;
        texts?.push(text);
        if (this.#pacer.isDue) await this.#pacer.pause();
      }
    }
    const last = decoder.finish();
    if (texts !== undefined) this.#texts.set(section, [...texts, last]);
    return matcher.push(last);
  }

  /** True if there is room to keep the text of the section. */
  #reserve({ start, end }: TextSection): boolean {
    // No charset has more characters than bytes.
    this.#keptBytes += end - start;
    return this.#keptBytes <= limits.searchKeptBytes;
  }

  /** Bytes of the message; undefined if they did not all come along. */
  #atHand(from: number, to: number): Uint8Array | undefined {
    const { bytes, start } = this.#content;
    if (from < start || to > start + bytes.length) return undefined;
    return bytes.subarray(from - start, to - start);
  }

  /** @param test gets the header as text of one character a byte */
  #testHeader(test: (header: string) => boolean): boolean | Promise<boolean> {
    const { headerBytes } = this.#content;
    const header = this.#header ?? this.#atHand(0, headerBytes);
    if (header === undefined) {
      return this.#readHeader(0, headerBytes).then((read) => test(this.#keepHeader(read)));
    }
    return test(typeof header === 'string' ? header : this.#keepHeader(header));
  }

  #keepHeader(header: Uint8Array): string {
    this.#header = toText(header);
    return this.#header;
  }

  async #readHeader(start: number, end: number): Promise<Uint8Array> {
    const stop = Math.min(end, start + mimeLimits.filteredHeaderBytes);
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#source.readBytes(this.#content.bodyId, start, stop)) {
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }
}

/** False if neither a line of the header nor one of its addresses has the term. */
function mayBeInFields(header: string, term: TermTest): boolean {
  if (term.mayBeInHeader(header)) return true;
  return addressFilter
    .fieldsOf(header, 0, header.length)
    .some(({ value }) => term.mayBeInAddresses(value));
}

const addressFilter = new HeaderFilter(addressFieldNames, false);
const everyField = new HeaderFilter([], true);

function toFields(header: string): SearchedField[] {
  return everyField.fieldsOf(header, 0, header.length).map((field) => new SearchedField(field));
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** Lines of a header are apart; the texts of a part continue each other. */
function isInTexts(term: TermTest, { kind }: TextSection, texts: readonly string[]): boolean {
  if (kind === 'header' || texts.length === 1) return texts.some((text) => term.isIn(text));
  const matcher = new TextMatcher(term);
  return texts.some((text) => matcher.push(text));
}

type TextSection =
  | { readonly kind: 'header'; readonly start: number; readonly end: number }
  | {
      readonly kind: 'part';
      readonly start: number;
      readonly end: number;
      readonly part: MimePart;
    };

/**
 * What of a message is the text of its body: text parts, the headers of parts (an attachment's file name is
 * there), and messages within with their headers. Images and the like have no text.
 */
function* textSections(part: MimePart): Generator<TextSection> {
  for (const child of part.children ?? []) {
    yield { kind: 'header', start: child.headerStart, end: child.bodyStart };
    yield* textSections(child);
  }
  if (part.message) {
    yield { kind: 'header', start: part.message.headerStart, end: part.message.bodyStart };
    yield* textSections(part.message);
  } else if (part.children === undefined && (part.type === 'text' || part.type === 'message')) {
    yield { kind: 'part', start: part.bodyStart, end: part.end, part };
  }
}
