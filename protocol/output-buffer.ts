/**
 * Characters from which on gathered text goes to the sink as bytes. It consists of the pieces that were put together, and
 * takes ten times its length for as long as it waits for a client. Fewer bytes are gathered as text.
 */
const minByteCharacters = 1024;

/** How many times more bytes are gathered if bytes are among them: TLS and the kernel take 64 KiB for two thirds of four times 16. */
const blockChunks = 4;

/** Takes what an {@link OutputBuffer} has gathered. */
export interface OutputSink {
  /** Writes text, one character a byte, or bytes, which the caller no longer changes. */
  write(data: string | Uint8Array): void;
}

/** Gathers text and bytes until there are enough for one write, and can take back what came since a mark. */
export class OutputBuffer {
  readonly #sink: OutputSink;
  readonly #chunkBytes: number;
  /** A text, bytes behind it, and so on. Behind them all is {@link #text}. */
  #pieces: (string | Uint8Array)[] = [];
  #pieceBytes = 0;
  #text = '';
  /** Characters of the text from which on it goes to the sink. */
  #maxCharacters: number;
  /** Where the mark is in its text; undefined if something behind it is with the sink. */
  #mark: number | undefined = 0;
  /** The text in which it is: its place among the pieces. */
  #markPiece = 0;

  /** `chunkBytes`: bytes of text gathered before they go to the sink, and a quarter of those of text and bytes. */
  constructor(sink: OutputSink, chunkBytes: number) {
    this.#sink = sink;
    this.#chunkBytes = chunkBytes;
    this.#maxCharacters = chunkBytes;
  }

  /** Text of one byte a character (latin1). */
  add(text: string): void {
    this.#text += text;
    if (this.#text.length >= this.#maxCharacters) this.flush();
  }

  /**
   * A piece of a longer text, which stays in memory as long as this does: it goes to the sink as bytes. As many are gathered as
   * of bytes.
   */
  addPiece(text: string): void {
    this.#maxCharacters = this.#chunkBytes * blockChunks;
    this.add(text);
  }

  /** Large pieces go to the sink as they are: the caller no longer changes them. */
  addBytes(bytes: Uint8Array): void {
    if (bytes.length < minByteCharacters) {
      this.add(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'));
    } else if (bytes.length <= (this.#chunkBytes * blockChunks) / 2) {
      this.#pieces.push(this.#text, bytes);
      this.#pieceBytes += this.#text.length + bytes.length;
      this.#text = '';
      if (this.#pieceBytes >= this.#chunkBytes * blockChunks) this.flush();
    } else {
      this.flush();
      this.#mark = undefined;
      this.#sink.write(bytes);
    }
  }

  /** What comes from here on can be taken back. */
  mark(): void {
    this.#mark = this.#text.length;
    this.#markPiece = this.#pieces.length;
  }

  /** Takes back what came since the mark. Returns false, and does nothing, if some of it is with the sink already. */
  takeBack(): boolean {
    if (this.#mark === undefined) return false;
    const text = this.#pieces[this.#markPiece] ?? this.#text;
    this.#pieces.length = Math.min(this.#pieces.length, this.#markPiece);
    this.#pieceBytes = this.#pieces.reduce((sum, { length }) => sum + length, 0);
    // Each piece of bytes has a text before it, if only an empty one.
    this.#text = (text as string).slice(0, this.#mark);
    return true;
  }

  /** Hands what was gathered to the sink. */
  flush(): void {
    const pieces = this.#pieces;
    const text = this.#text;
    const byteCount = this.#pieceBytes + text.length;
    if (byteCount === 0) return;
    const isText = this.#maxCharacters === this.#chunkBytes && byteCount < minByteCharacters;
    this.#mark = undefined;
    this.#text = '';
    this.#maxCharacters = this.#chunkBytes;
    if (pieces.length === 0) {
      this.#sink.write(isText ? text : Buffer.from(text, 'latin1'));
      return;
    }
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#sink.write(join([...pieces, text], byteCount));
  }
}

/** Texts and bytes in one piece of memory of their own. */
function join(pieces: readonly (string | Uint8Array)[], byteCount: number): Buffer {
  const joined = Buffer.allocUnsafeSlow(byteCount);
  let position = 0;
  for (const piece of pieces) {
    if (typeof piece === 'string') joined.write(piece, position, 'latin1');
    else joined.set(piece, position);
    position += piece.length;
  }
  return joined;
}
