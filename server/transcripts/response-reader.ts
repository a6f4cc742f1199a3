import { transcriptLimits } from './limits.ts';
import { isStatusLine, type ResponseText } from './response-shape.ts';
import { literalMark } from './wire-value.ts';

const crlf = '\r\n';
const announcement = /~?\{(\d{1,10})\+?\}$/;

/**
 * Cuts what a server sends into responses. It judges nothing: what a line is, and whether it may come, is for others to say.
 */
export class ResponseReader {
  readonly #responses: ResponseText[] = [];
  /** What has come and is in no response yet, one character a byte. */
  #chunks: string[] = [];
  #pendingBytes = 0;
  /** Bytes that must be there before the next look, since a literal is not whole. */
  #wantedBytes = 0;

  /** @throws Error if a response is larger than `transcriptLimits.responseBytes` */
  push(chunk: Uint8Array): void {
    this.#chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1'));
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes < this.#wantedBytes) return;
    let text = this.#chunks.join('');
    for (let end = this.#cut(text); end > 0; end = this.#cut(text)) text = text.slice(end);
    this.#chunks = [text];
    this.#pendingBytes = text.length;
    if (Math.max(this.#wantedBytes, text.length) > transcriptLimits.responseBytes) {
      throw new Error(
        `The server sent a response of more than ${transcriptLimits.responseBytes} bytes`,
      );
    }
  }

  /** The next whole response; undefined if there is none. */
  take(): ResponseText | undefined {
    return this.#responses.shift();
  }

  /** What has come of a response that is not whole, one character a byte. */
  get beginning(): string {
    return this.#chunks.join('');
  }

  /** Takes the response at the beginning of the text; its length in bytes, 0 if it is not whole. */
  #cut(text: string): number {
    this.#wantedBytes = 0;
    const literals: string[] = [];
    let line = '';
    let from = 0;
    for (;;) {
      const end = text.indexOf(crlf, from);
      if (end < 0) return 0;
      const piece = text.slice(from, end);
      const size = announcement.exec(piece)?.[1];
      from = end + crlf.length;
      if (size === undefined || isStatusLine(line + piece)) {
        this.#responses.push({ text: line + piece, literals });
        return from;
      }
      line += piece.replace(announcement, '') + literalMark;
      if (from + Number(size) > text.length) {
        this.#wantedBytes = from + Number(size) + crlf.length;
        return 0;
      }
      literals.push(text.slice(from, from + Number(size)));
      from += Number(size);
    }
  }
}
