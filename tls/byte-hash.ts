import { randomInt } from 'node:crypto';

/** A seed for {@link hashBytes}, so that nobody outside can choose bytes that collide. */
export function makeHashSeed(): number {
  return randomInt(0x1_0000_0000);
}

/** A 32-bit hash of bytes: FNV-1a from a random start, with murmur3's finish, since the high bits count. */
export function hashBytes(bytes: Uint8Array, seed: number): number {
  let hash = seed ^ 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) {
    hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
