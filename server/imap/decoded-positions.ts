/** Places at which a connection can go on decoding: a few, for a client that reads some parts by turns. */
const maxPositions = 8;

/** Bytes of a message that are decoded: a part of it. */
export interface DecodedPart {
  readonly bodyId: number;
  /** Where the bytes begin in the message, and where they end. */
  readonly bodyStart: number;
  readonly end: number;
}

/** A place in a part at which the decoding can begin anew. */
export interface DecodedPosition {
  /** Where the encoded bytes go on, in the message. */
  readonly encodedStart: number;
  /** Bytes that were decoded before. */
  readonly decodedBytes: number;
}

/**
 * Where a client has come to that reads a part in pieces (RFC 3516, section 4.3, `partial`): what comes behind a piece is decoded
 * from there, and not from the beginning of the part each time.
 */
export class DecodedPositions {
  /** The newest comes last. */
  readonly #positions: (DecodedPart & DecodedPosition)[] = [];

  /** The last known place at or before an offset in what is decoded. */
  find(part: DecodedPart, offsetBytes: number): DecodedPosition {
    let best: DecodedPosition = { encodedStart: part.bodyStart, decodedBytes: 0 };
    for (const position of this.#positions) {
      const { decodedBytes } = position;
      if (!isOf(part, position) || decodedBytes > offsetBytes) continue;
      if (decodedBytes > best.decodedBytes) best = position;
    }
    return best;
  }

  /** Remembers a place, and forgets the oldest if there are too many. */
  remember({ bodyId, bodyStart, end }: DecodedPart, position: DecodedPosition): void {
    const { encodedStart, decodedBytes } = position;
    const known = this.#positions.findIndex(
      (other) => isOf({ bodyId, bodyStart, end }, other) && other.encodedStart === encodedStart,
    );
    if (known >= 0) this.#positions.splice(known, 1);
    this.#positions.push({ bodyId, bodyStart, end, encodedStart, decodedBytes });
    if (this.#positions.length > maxPositions) this.#positions.shift();
  }
}

function isOf(part: DecodedPart, other: DecodedPart): boolean {
  return (
    part.bodyId === other.bodyId && part.bodyStart === other.bodyStart && part.end === other.end
  );
}
