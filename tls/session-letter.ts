import { ByteReader } from './byte-reader.ts';
import type { PutOptions } from './session-cache.ts';

/** What a thread tells the keeper of a cache, without waiting for an answer. */
export type SessionLetter =
  | {
      readonly kind: 'put';
      readonly id: Uint8Array;
      /** Secret. */
      readonly session: Uint8Array;
      readonly options: PutOptions;
    }
  | { readonly kind: 'promote'; readonly ids: readonly Uint8Array[]; readonly account: string }
  | { readonly kind: 'delete'; readonly id: Uint8Array; readonly reason: 'superseded' | 'cleared' };

/** A letter and its place among those of all threads, modulo 2^32. */
export interface NumberedLetter {
  readonly number: number;
  readonly letter: SessionLetter;
}

const kinds = ['put', 'promote', 'delete'] as const;
const reasons = ['superseded', 'cleared'] as const;
const lengthBytes = 4;

/** The bytes of a letter; the caller overwrites them after use. */
export function encodeLetter({ number, letter }: NumberedLetter): Uint8Array {
  const kind = Uint8Array.of(kinds.indexOf(letter.kind));
  return joinVectors([wordOf(number), kind, ...fieldsOf(letter)]);
}

/** Views on the bytes of a letter. */
export function decodeLetter(bytes: Uint8Array): NumberedLetter {
  const reader = new ByteReader(bytes);
  const next = (): Uint8Array => reader.vector(lengthBytes);
  const number = new ByteReader(next()).number(4);
  const kind = kinds[next()[0]!];
  if (kind === 'put') return { number, letter: readPut(next) };
  if (kind === 'delete') {
    return { number, letter: { kind, id: next(), reason: reasons[next()[0]!] ?? 'cleared' } };
  }
  const account = textOf(next());
  const ids: Uint8Array[] = [];
  while (reader.hasMore) ids.push(next());
  return { number, letter: { kind: 'promote', ids, account } };
}

function fieldsOf(letter: SessionLetter): Uint8Array[] {
  if (letter.kind === 'delete') {
    return [letter.id, Uint8Array.of(reasons.indexOf(letter.reason))];
  }
  if (letter.kind === 'promote') return [bytesOf(letter.account), ...letter.ids];
  const { expiresAt, address, certificate, account } = letter.options;
  const optional = [address, certificate, account].flatMap((text) =>
    text === undefined ? [Uint8Array.of(0), nothing] : [Uint8Array.of(1), bytesOf(text)],
  );
  return [
    letter.id,
    letter.session,
    new Uint8Array(Float64Array.of(expiresAt).buffer),
    ...optional,
  ];
}

function readPut(next: () => Uint8Array): SessionLetter {
  const [id, session] = [next(), next()];
  const expiresAt = new Float64Array(next().slice().buffer)[0]!;
  const [address, certificate, account] = [0, 1, 2].map(() => {
    const isThere = next()[0] === 1;
    const bytes = next();
    return isThere ? textOf(bytes) : undefined;
  });
  const options = {
    expiresAt,
    ...(address !== undefined && { address }),
    ...(certificate !== undefined && { certificate }),
    ...(account !== undefined && { account }),
  };
  return { kind: 'put', id, session, options };
}

const nothing = new Uint8Array(0);

function wordOf(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

function joinVectors(fields: readonly Uint8Array[]): Uint8Array {
  const size = fields.reduce((sum, field) => sum + lengthBytes + field.length, 0);
  const bytes = new Uint8Array(size);
  let position = 0;
  for (const field of fields) {
    bytes.set(wordOf(field.length), position);
    bytes.set(field, position + lengthBytes);
    position += lengthBytes + field.length;
  }
  return bytes;
}
