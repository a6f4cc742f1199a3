import type { MimePart } from '../../protocol/mime/mime-structure.ts';
import { parseHeader } from '../../protocol/mime/header-fields.ts';
import { mimeLimits } from '../../protocol/mime/limits.ts';
import { limits } from '../limits.ts';
import type { Database } from '../sqlite/database.ts';
import { readBody } from '../sqlite/messages.ts';
import { foldText } from './fold-text.ts';
import type { Pacer } from './pacer.ts';
import { PartTextDecoder } from './part-text-decoder.ts';
import { SearchedField } from './searched-field.ts';
import { TextMatcher } from './text-matcher.ts';

/** Folded text; `isStart` where it does not continue the piece before it. */
interface TextPiece {
  readonly text: string;
  readonly isStart: boolean;
}

/** What can be searched in one message, read and decoded when it is first asked for. */
export class MessageText {
  readonly #database: Database;
  readonly #pacer: Pacer;
  readonly #bodyId: number;
  readonly #headerBytes: number;
  #fields: readonly SearchedField[] | undefined;
  /** The whole text of the body, where it was short enough to keep. */
  #bodyPieces: readonly TextPiece[] | undefined;

  constructor(
    database: Database,
    pacer: Pacer,
    message: { readonly bodyId: number; readonly headerBytes: number },
  ) {
    this.#database = database;
    this.#pacer = pacer;
    this.#bodyId = message.bodyId;
    this.#headerBytes = message.headerBytes;
  }

  /** True if a field of that name (lower case) has the folded term in its value or, if it has addresses, in one of these. */
  async hasField(name: string, term: string): Promise<boolean> {
    const fields = await this.#readFields();
    return fields.some((field) => field.name === name && field.hasTerm(term));
  }

  /** True where the folded term is in a line of the header, field names included. */
  async hasInHeader(term: string): Promise<boolean> {
    const fields = await this.#readFields();
    return fields.some((field) => field.line.includes(term) || field.hasTerm(term));
  }

  /** True where the folded term is in the text of the body. */
  async hasInBody(term: string): Promise<boolean> {
    if (term === '') return true;
    if (this.#bodyPieces) return hasTerm(this.#bodyPieces, term);
    const matcher = new TextMatcher(term);
    const kept: TextPiece[] = [];
    let characters = 0;
    for await (const piece of this.#readBodyPieces()) {
      if (piece.isStart) matcher.reset();
      if (matcher.push(piece.text)) return true;
      characters += piece.text.length;
      if (characters <= limits.searchCachedCharacters) kept.push(piece);
      else kept.length = 0;
    }
    if (characters <= limits.searchCachedCharacters) this.#bodyPieces = kept;
    return false;
  }

  async #readFields(): Promise<readonly SearchedField[]> {
    this.#fields ??= await this.#readHeader(0, this.#headerBytes);
    return this.#fields;
  }

  async #readHeader(start: number, end: number): Promise<SearchedField[]> {
    const bytes = await this.#readBytes(
      start,
      Math.min(end, start + mimeLimits.filteredHeaderBytes),
    );
    return parseHeader(bytes).map((field) => new SearchedField(field));
  }

  async #readBytes(start: number, end: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of readBody(this.#database, this.#bodyId, start, end))
      chunks.push(chunk);
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  }

  async *#readBodyPieces(): AsyncGenerator<TextPiece> {
    for (const section of textSections(this.#readStructure())) {
      if (section.kind === 'header') {
        const fields = await this.#readHeader(section.start, section.end);
        for (const { line } of fields) yield { text: line, isStart: true };
      } else yield* this.#readPartPieces(section.part);
      if (this.#pacer.isDue) await this.#pacer.pause();
    }
  }

  async *#readPartPieces(part: MimePart): AsyncGenerator<TextPiece> {
    const decoder = new PartTextDecoder(part);
    let isStart = true;
    for await (const chunk of readBody(this.#database, this.#bodyId, part.bodyStart, part.end)) {
      for (const text of decoder.push(chunk)) {
        yield { text: foldText(text), isStart };
        isStart = false;
        if (this.#pacer.isDue) await this.#pacer.pause();
      }
    }
    yield { text: foldText(decoder.finish()), isStart };
  }

  #readStructure(): MimePart {
    const row = this.#database.row<[string]>(
      'SELECT structure FROM body_texts WHERE body_id = ?',
      this.#bodyId,
    );
    if (row === undefined) throw new Error(`Body ${this.#bodyId} has no structure`);
    return JSON.parse(row[0]) as MimePart;
  }
}

function hasTerm(pieces: readonly TextPiece[], term: string): boolean {
  const matcher = new TextMatcher(term);
  return pieces.some((piece) => {
    if (piece.isStart) matcher.reset();
    return matcher.push(piece.text);
  });
}

type TextSection =
  | { readonly kind: 'header'; readonly start: number; readonly end: number }
  | { readonly kind: 'text'; readonly part: MimePart };

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
    yield { kind: 'text', part };
  }
}
