import { recordedLiteralBytes } from './limits.ts';

/** A piece of what a client sends, one character a byte; `raw` is what it consists of. */
export type ClientPiece =
  /** A line; `text` is without its CRLF. `hasLiteral`: it announces a literal, which follows. */
  | {
      readonly type: 'line';
      readonly raw: string;
      readonly text: string;
      readonly hasLiteral: boolean;
    }
  /** Bytes of a literal that is not whole yet. */
  | { readonly type: 'part'; readonly raw: string }
  /** The last bytes of a literal; of a large one `beginning` has `recordedLiteralBytes`. */
  | {
      readonly type: 'literal';
      readonly raw: string;
      readonly beginning: string;
      readonly sizeBytes: number;
    };

const announcement = /\{(\d{1,10})\+?\}$/;

/** Cuts what a client sends into lines and literals. */
export class ClientReader {
  #text = '';
  #beginning = '';
  #isLiteral = false;
  #sizeBytes = 0;
  #missingBytes = 0;

  /** Takes bytes; the pieces that are whole now. */
  push(chunk: Uint8Array): ClientPiece[] {
    this.#text += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1');
    const pieces: ClientPiece[] = [];
    for (let piece = this.#take(); piece !== undefined; piece = this.#take()) pieces.push(piece);
    return pieces;
  }

  #take(): ClientPiece | undefined {
    if (this.#isLiteral) return this.#takeLiteral();
    const end = this.#text.indexOf('\n') + 1;
    if (end === 0) return undefined;
    const raw = this.#text.slice(0, end);
    const text = raw.replace(/\r?\n$/, '');
    this.#text = this.#text.slice(end);
    const size = announcement.exec(text)?.[1];
    this.#isLiteral = size !== undefined;
    this.#sizeBytes = Number(size ?? 0);
    this.#missingBytes = this.#sizeBytes;
    this.#beginning = '';
    return { type: 'line', raw, text, hasLiteral: this.#isLiteral };
  }

  #takeLiteral(): ClientPiece | undefined {
    if (this.#missingBytes > 0 && this.#text === '') return undefined;
    const raw = this.#text.slice(0, this.#missingBytes);
    this.#text = this.#text.slice(raw.length);
    this.#missingBytes -= raw.length;
    this.#beginning += raw.slice(0, recordedLiteralBytes - this.#beginning.length);
    if (this.#missingBytes > 0) return { type: 'part', raw };
    this.#isLiteral = false;
    return { type: 'literal', raw, beginning: this.#beginning, sizeBytes: this.#sizeBytes };
  }
}
