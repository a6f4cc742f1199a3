import { createHash } from 'node:crypto';

/** Everything that a stream gives, in one Buffer. */
export async function readAll(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
