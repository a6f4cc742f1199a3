/** How far back DEFLATE refers, in bytes. @see RFC 1951, section 2 */
export const windowBytes = 32 * 1024;

/**
 * Bytes that are inflated at a time. One byte of a bomb becomes 1,032, so a reader that has enough says so between two
 * pieces.
 */
export const inflatedPieceBytes = 64 * 1024;

/**
 * Blocks with codes of their own whose codes are read at a time. Such a block takes up to 50 microseconds and may have no more than 12
 * bytes, with nothing in it: 64 KiB of them would take a quarter of a second. A client that compresses commands begins fewer.
 */
export const maxCodesPerPiece = 64;

/** Bytes of what was sent last to which the next response may refer while the client is busy. An idle one costs none. */
export const sentWindowBytes = 4 * 1024;

/** Shorter responses go out as they are: five bytes are added, and deflating them takes as long as many a command. */
export const minDeflatedBytes = 128;

/** Bytes that are deflated at a time, so that no step takes long. */
export const deflatedPieceBytes = 64 * 1024;

/**
 * Of one to nine. The next ones save one byte in a hundred for a third more time.
 */
export const deflateLevel = 3;

/** Bytes that are looked at to see whether a piece is text. */
export const sampleBytes = 1024;

/** Shorter windows of idle clients stay as they are: little is won. */
export const minPackedBytes = 4 * 1024;

/**
 * Bytes of a window that are packed together. Base64 and hexadecimal digits become less than 14 KiB then; of what is larger
 * jemalloc takes a page more than is needed.
 */
export const packedPartBytes = 16 * 1024;
