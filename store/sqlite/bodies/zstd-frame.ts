/** Bytes of the parts of a frame that always are there. */
const partBytes = { magic: 4, descriptor: 1, window: 1, blockHeader: 3, checksum: 4 };

const magic = 0xfd2f_b528;

/** Bytes of the dictionary's id, and of the size of the content, by what the descriptor says. */
const idBytes = [0, 1, 2, 4];
const sizeBytes = [0, 2, 4, 8];

/**
 * True if the bytes are one Zstandard frame from its begin to the last byte of its checksum, by what its headers say. Of a
 * frame that was cut off in the checksum a decompressor gives all the content back, unchecked, and waits for the rest.
 *
 * @see RFC 8878, section 3.1.1
 */
export function isWholeFrame(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < partBytes.magic + partBytes.descriptor) return false;
  if (view.getUint32(0, true) !== magic) return false;
  const descriptor = bytes[partBytes.magic]!;
  const hasChecksum = (descriptor & 0x04) !== 0;
  let position = partBytes.magic + partBytes.descriptor + headerBytes(descriptor);
  // Ends: each round goes on by a header at least.
  while (position + partBytes.blockHeader <= bytes.length) {
    const header = view.getUint16(position, true) | (bytes[position + 2]! << 16);
    const isRepeated = ((header >> 1) & 3) === 1;
    position += partBytes.blockHeader + (isRepeated ? 1 : header >> 3);
    const isLast = (header & 1) !== 0;
    if (isLast) return hasChecksum && position + partBytes.checksum === bytes.length;
  }
  return false;
}

/** Bytes of a frame's header behind the descriptor. */
function headerBytes(descriptor: number): number {
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const size = sizeFlag === 0 && isSingleSegment ? 1 : sizeBytes[sizeFlag]!;
  return (isSingleSegment ? 0 : partBytes.window) + idBytes[descriptor & 3]! + size;
}
