import type { ByteQueue } from './byte-queue.ts';
import { maxDroppedLineBytes } from './limits.ts';
import { findAnnouncement, maxAnnouncementBytes } from './line-end.ts';

const lineFeed = 0x0a;

/**
 * How far the dropping has come: `again` (there is more to do), `starved` (bytes are missing), `done` (the next octet
 * begins a command), or which bound was broken.
 */
export type DropProgress = 'again' | 'starved' | 'done' | 'line-too-long' | 'literal-too-large';

/**
 * Finds the end of a command that was refused, without keeping it: the rest of a literal, the rest of the line, and
 * the non-synchronizing literals that the line announces. (A client that waits for leave to send a literal sees the
 * refusal instead, so there the command is over.)
 *
 * @see RFC 7888, section 4
 */
export class CommandDropper {
  /** Octets of the present literal that are still to come; 0 in a line. */
  #literalRest = 0;
  /** Octets of all literals of the command. */
  #literalBytes = 0;
  /** Octets of the present line, and the last ones of them, in which an announcement may stand. */
  #lineBytes = 0;
  #lineTail = '';

  /** Begins within a literal of which `restBytes` are still to come. */
  beginInLiteral(restBytes: number): void {
    this.#literalRest = restBytes;
    this.#literalBytes = restBytes;
    this.#beginLine();
  }

  /** Begins within a line of which `lineStart` has been consumed. */
  beginInLine(lineStart: Buffer): void {
    this.#literalRest = 0;
    this.#literalBytes = 0;
    this.#beginLine();
    this.#noteLine(lineStart);
  }

  #beginLine(): void {
    this.#lineBytes = 0;
    this.#lineTail = '';
  }

  #noteLine(octets: Buffer): void {
    const tail = octets.toString('latin1', Math.max(0, octets.length - maxAnnouncementBytes));
    this.#lineTail = (this.#lineTail + tail).slice(-maxAnnouncementBytes);
    this.#lineBytes += octets.length;
  }

  /** Consumes octets of the first chunk. `maxBytes` bounds the literals of the command together, and a line. */
  step(queue: ByteQueue, maxBytes: number): DropProgress {
    if (this.#literalRest > 0) {
      const octets = queue.take(this.#literalRest);
      this.#literalRest -= octets?.length ?? 0;
      return octets ? 'again' : 'starved';
    }
    const head = queue.peek();
    if (!head) return 'starved';
    const lineFeedAt = head.indexOf(lineFeed);
    const count = lineFeedAt < 0 ? head.length : lineFeedAt;
    this.#noteLine(head.subarray(0, count));
    queue.consume(lineFeedAt < 0 ? count : count + 1);
    if (this.#lineBytes > Math.min(maxDroppedLineBytes, maxBytes)) return 'line-too-long';
    return lineFeedAt < 0 ? 'again' : this.#endLine(maxBytes);
  }

  #endLine(maxBytes: number): DropProgress {
    const literal = findAnnouncement(Buffer.from(this.#lineTail, 'latin1'));
    this.#beginLine();
    if (!literal || literal.isSynchronizing) return 'done';
    this.#literalBytes += literal.sizeBytes;
    if (this.#literalBytes > maxBytes) return 'literal-too-large';
    this.#literalRest = literal.sizeBytes;
    return 'again';
  }
}
