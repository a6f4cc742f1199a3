import {
  type BinaryItem,
  type FetchItem,
  isBinaryItem,
  type PartialRange,
} from '../../../protocol/fetch-item.ts';
import { resolvePart } from '../../../protocol/mime/body-section.ts';
import type { MimePart } from '../../../protocol/mime/mime-structure.ts';
import {
  isIdentity,
  isKnownEncoding,
  TransferDecoder,
} from '../../../protocol/mime/transfer-decoder.ts';
import { encodeBinarySection } from '../../../protocol/wire-text.ts';
import type { MessageRows } from '../../../store/message-rows.ts';
import { takeTurnIfFree } from '../../../store/turns.ts';
import { keptBinaryBytes } from '../limits.ts';
import { type DecodedPosition, DecodedPositions } from '../decoded-positions.ts';
import { CommandRefusedError } from '../responses.ts';
import type { Session } from '../session.ts';
import { type MessageRow, present } from './fetch-section.ts';

/** Bytes of a message, and what is to be taken off them. */
type EncodedBytes = Pick<MimePart, 'encoding' | 'bodyStart' | 'end'>;

/**
 * Refuses items that ask for parts with an encoding that nobody knows, before anything is answered.
 *
 * @see RFC 3516, section 4.3 (UNKNOWN-CTE)
 */
export function checkEncodings({ structures }: MessageRows, items: readonly FetchItem[]): void {
  for (const { part } of items.filter(isBinaryItem)) {
    for (const structure of structures ?? []) {
      const encoding = findBytes(structure, part)?.encoding ?? '7bit';
      if (isKnownEncoding(encoding)) continue;
      const text = 'A part has a transfer encoding that is not known';
      throw new CommandRefusedError('NO', text, 'UNKNOWN-CTE');
    }
  }
}

/**
 * Writes what a part is without its transfer encoding, or how long that is, behind its name. A large part is decoded twice, in
 * pieces: its size comes first.
 *
 * @see RFC 3516, section 4.3; RFC 9051, section 7.5.2
 */
export async function writeBinary(
  session: Session,
  { rows, place }: MessageRow,
  item: BinaryItem,
): Promise<void> {
  const { out } = session;
  const bytes = findBytes(present(rows.structures?.[place]), item.part);
  const bodyId = present(rows.bodyIds[place]);
  if (item.item === 'BINARY.SIZE[]') {
    const sizeBytes = bytes === undefined ? 0 : await measureSize(session, bodyId, bytes);
    out.wire(encodeBinarySection('BINARY.SIZE', item.part)).number(sizeBytes);
    return;
  }
  const { partial } = item;
  const { offsetBytes, countBytes } = partial ?? { offsetBytes: 0, countBytes: Infinity };
  out.wire(encodeBinarySection('BINARY', item.part, partial?.offsetBytes));
  if (bytes === undefined) {
    out.nstring(undefined);
    return;
  }
  const read = () => readDecoded(session, bodyId, bytes, { offsetBytes, countBytes });
  const { sizeBytes, hasNul, kept } = await measure(read(), keptBinaryBytes);
  if (hasNul) out.literal8(sizeBytes);
  else out.literal(sizeBytes);
  for await (const piece of kept ?? read()) {
    out.bytes(piece);
    if (out.isFull) await out.ready();
  }
}

/** The body of a part; the whole message, which has no encoding, if no part is named. Undefined if there is no such part. */
function findBytes(structure: MimePart, numbers: readonly number[]): EncodedBytes | undefined {
  if (numbers.length > 0) return resolvePart(structure, numbers);
  return { encoding: 'binary', bodyStart: structure.headerStart, end: structure.end };
}

async function measureSize(session: Session, bodyId: number, bytes: EncodedBytes): Promise<number> {
  if (isIdentity(bytes.encoding)) return bytes.end - bytes.bodyStart;
  const whole = { offsetBytes: 0, countBytes: Infinity };
  return (await measure(readDecoded(session, bodyId, bytes, whole), 0)).sizeBytes;
}

/** So many bytes from the offset on, in pieces that are the caller's, of some tens of kilobytes, between which others have their turn. */
async function* readDecoded(
  session: Session,
  bodyId: number,
  bytes: EncodedBytes,
  range: PartialRange,
): AsyncGenerator<Uint8Array> {
  const { encoding, bodyStart, end } = bytes;
  const { offsetBytes, countBytes } = range;
  if (isIdentity(encoding)) {
    const start = Math.min(bodyStart + offsetBytes, end);
    const chunks = session.store.readBody(bodyId, start, Math.min(start + countBytes, end));
    for await (const chunk of chunks) {
      await takeTurnIfFree();
      yield chunk;
    }
    return;
  }
  const stop = offsetBytes + countBytes;
  const positions = (session.decodedPositions ??= new DecodedPositions());
  const part = { bodyId, bodyStart, end };
  let position = positions.find(part, offsetBytes);
  const reached = [position];
  for await (const { piece, next } of decode(session, bodyId, bytes, position)) {
    const from = Math.max(0, offsetBytes - position.decodedBytes);
    const to = Math.min(piece.length, stop - position.decodedBytes);
    position = next;
    if (position.decodedBytes <= stop) reached[1] = position;
    if (from < to) yield piece.subarray(from, to);
    if (position.decodedBytes >= stop) break;
  }
  // A large piece is decoded a second time from where it began, and the next piece from where this one ends.
  if (stop < Infinity) for (const place of reached) positions.remember(part, place);
}

/** Decoded bytes, which are no view, and where the decoding goes on behind them. */
interface DecodedPiece {
  readonly piece: Uint8Array;
  readonly next: DecodedPosition;
}

/** Decodes a part from a position on. */
async function* decode(
  { store }: Session,
  bodyId: number,
  bytes: EncodedBytes,
  { encodedStart, decodedBytes }: DecodedPosition,
): AsyncGenerator<DecodedPiece> {
  const { encoding, end } = bytes;
  const decoder = new TransferDecoder({ encoding, bodyStart: encodedStart, end });
  let position = decodedBytes;
  for await (const chunk of store.readBody(bodyId, encodedStart, end)) {
    await takeTurnIfFree();
    for (const piece of decoder.push(chunk)) {
      position += piece.length;
      const next = { encodedStart: encodedStart + decoder.cutBytes, decodedBytes: position };
      yield { piece, next };
    }
  }
  const piece = decoder.finish();
  yield { piece, next: { encodedStart: end, decodedBytes: position + piece.length } };
}

interface Measured {
  readonly sizeBytes: number;
  readonly hasNul: boolean;
  /** All pieces, if they have no more bytes than were to be kept. */
  readonly kept: readonly Uint8Array[] | undefined;
}

async function measure(pieces: AsyncIterable<Uint8Array>, maxKeptBytes: number): Promise<Measured> {
  let [sizeBytes, hasNul] = [0, false];
  let kept: Uint8Array[] | undefined = [];
  for await (const piece of pieces) {
    sizeBytes += piece.length;
    hasNul ||= piece.includes(0);
    if (sizeBytes > maxKeptBytes) kept = undefined;
    kept?.push(piece);
  }
  return { sizeBytes, hasNul, kept };
}
