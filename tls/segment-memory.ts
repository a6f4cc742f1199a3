/** Where a cache takes its segments and index arrays from, and what giving them back means. */
export interface SegmentMemory {
  /** A zeroed buffer. */
  allocate(byteLength: number): ArrayBuffer;
  /** All of a buffer but its first `keptBytes`, by default 0, is not used again. */
  release(buffer: ArrayBuffer, keptBytes?: number): void;
}

/**
 * Memory that goes back to the system at the moment it is released. A resizable buffer is mapped by itself,
 * and `resize(0)` unmaps its pages at once; a fixed buffer comes from malloc, whose threshold for giving
 * memory back rises after the first round, and goes only when a collection finds it.
 */
export const resizableMemory: SegmentMemory = {
  allocate: (byteLength) => new ArrayBuffer(byteLength, { maxByteLength: byteLength }),
  release: (buffer, keptBytes = 0) => buffer.resize(keptBytes),
};
