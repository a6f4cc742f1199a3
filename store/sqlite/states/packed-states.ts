import { crc32 } from 'node:zlib';
import { areSameWords, type FlagWords } from '../flag-words.ts';

/** UIDs, modseqs and flags of messages of one mailbox, as columns of equal length. Nobody writes into them. */
export interface PackedStates {
  /** Ascending. */
  readonly uids: Uint32Array;
  readonly modseqs: Float64Array;
  /** For each message the number of its flags in `sets`. */
  readonly flags: Uint16Array;
  /** In {@link packStates} some may be equal, and some may be nobody's. */
  readonly sets: readonly FlagWords[];
}

/*
 * The bytes, numbers in the byte order of the machine (little-endian wherever Node runs today, but on s390x):
 *
 *  0 crc32 of all that follows       8 width of UIDs       12 first UID
 *  4 format                          9 width of modseqs    16 lowest modseq, 8 bytes
 *  6 count of messages              10 width of flags      24 the columns
 *
 * A column has a number of `width` bytes for each message (0: all are 0), from an offset on that the width divides: modseqs less the
 * lowest one; UIDs less the first one and less their place, so that UIDs without a hole take nothing; numbers of sets of flags.
 * Behind the columns are the sets: their count (2 bytes), and each as `packSet` writes it.
 */
const format = 1;
const headBytes = 24;

/** What {@link packStates} can take. */
const maxCount = 0xffff;

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** In the order of their widths in the bytes. */
const columnNames = ['uids', 'modseqs', 'flags'] as const;

type ColumnName = (typeof columnNames)[number];

/** Bytes that each number of a column takes. */
type Width = 0 | 1 | 2 | 4 | 8;

function widthOf(largest: number): Width {
  if (largest === 0) return 0;
  if (largest < 0x100) return 1;
  if (largest < 0x1_0000) return 2;
  return largest < 0x1_0000_0000 ? 4 : 8;
}

/** Where the columns begin, and where they end. */
function layOut(count: number, { uids, modseqs, flags }: Record<ColumnName, Width>) {
  const align = (offset: number, width: Width) =>
    width === 0 ? offset : Math.ceil(offset / width) * width;
  const uidsAt = align(headBytes + count * modseqs, uids);
  const flagsAt = align(uidsAt + count * uids, flags);
  return { modseqs: headBytes, uids: uidsAt, flags: flagsAt, end: flagsAt + count * flags };
}

/**
 * The states as bytes; those of an ordinary mailbox take 2 or 3 bytes a message, or none. Sets that are equal become one, and
 * those that no message has are left out.
 *
 * @param states - of at least one message, and of at most 65,535
 */
export function packStates(states: PackedStates): Uint8Array {
  const { uids, modseqs } = states;
  const count = uids.length;
  if (count === 0 || count > maxCount) throw new RangeError(`Cannot pack ${count} messages`);
  const { sets, numbers } = numberSets(states.flags, states.sets);
  const firstUid = uids[0]!;
  const lowest = lowestOf(modseqs);
  // Not `map`, which takes five times as long.
  const columns = { uids: uids.slice(), modseqs: modseqs.slice(), flags: numbers };
  for (let index = 0; index < count; index++) {
    columns.uids[index]! -= firstUid + index;
    columns.modseqs[index]! -= lowest;
  }
  const widths = {
    uids: widthOf(columns.uids[count - 1]!),
    modseqs: widthOf(highestOf(columns.modseqs)),
    flags: widthOf(sets.length - 1),
  };
  const places = layOut(count, widths);
  const packedSets = Buffer.concat(sets.map(packSet));
  const bytes = new Uint8Array(places.end + 2 + packedSets.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(4, format, isLittleEndian);
  view.setUint16(6, count, isLittleEndian);
  view.setUint32(12, firstUid, isLittleEndian);
  view.setFloat64(16, lowest, isLittleEndian);
  for (const [index, name] of columnNames.entries()) {
    bytes[8 + index] = widths[name];
    // From array to array, without a step of JavaScript for each number.
    if (widths[name] > 0) columnAt(bytes, places[name], widths[name], count).set(columns[name]);
  }
  view.setUint16(places.end, sets.length, isLittleEndian);
  bytes.set(packedSets, places.end + 2);
  view.setUint32(0, crc32(bytes.subarray(4)), isLittleEndian);
  return bytes;
}

/** What stands before the columns, and where these are. */
interface Head {
  /** As they were given, or a copy of them. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly count: number;
  readonly firstUid: number;
  readonly lowest: number;
  readonly widths: Readonly<Record<ColumnName, Width>>;
  readonly places: ReturnType<typeof layOut>;
}

/** Undefined if the bytes are not what {@link packStates} has returned. */
function readHead(packed: Uint8Array): Head | undefined {
  // Columns of 8 bytes only begin at such an offset.
  const bytes = packed.byteOffset % 8 === 0 ? packed : packed.slice();
  if (bytes.length < headBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, isLittleEndian) !== crc32(bytes.subarray(4))) return undefined;
  if (view.getUint16(4, isLittleEndian) !== format) return undefined;
  const count = view.getUint16(6, isLittleEndian);
  const [uids, modseqs, flags] = [bytes[8], bytes[9], bytes[10]] as [Width, Width, Width];
  const widths = { uids, modseqs, flags };
  return {
    bytes,
    view,
    count,
    firstUid: view.getUint32(12, isLittleEndian),
    lowest: view.getFloat64(16, isLittleEndian),
    widths,
    places: layOut(count, widths),
  };
}

/** The states that {@link packStates} has packed; undefined if the bytes are not what it has returned. */
export function unpackStates(packed: Uint8Array): PackedStates | undefined {
  const head = readHead(packed);
  if (head === undefined) return undefined;
  const { bytes, view, count, firstUid, lowest, widths, places } = head;
  const uids = new Uint32Array(count);
  if (widths.uids > 0) uids.set(columnAt(bytes, places.uids, widths.uids, count));
  for (let index = 0; index < count; index++) uids[index]! += firstUid + index;
  const modseqs = new Float64Array(count);
  if (widths.modseqs === 0) modseqs.fill(lowest);
  else {
    modseqs.set(columnAt(bytes, places.modseqs, widths.modseqs, count));
    for (let index = 0; index < count; index++) modseqs[index]! += lowest;
  }
  const flags = new Uint16Array(count);
  if (widths.flags > 0) flags.set(columnAt(bytes, places.flags, widths.flags, count));
  return { uids, modseqs, flags, sets: unpackSets(bytes, view, places.end) };
}

/** The state of one message. */
export interface PackedState {
  readonly uid: number;
  readonly modseq: number;
  readonly words: FlagWords;
}

/**
 * Packed states with one more behind them, for a tenth of what packing all of them costs.
 *
 * @returns undefined if that cannot be done: a number does not fit into its column, or the bytes are not sound
 */
export function packBehind(packed: Uint8Array, state: PackedState): Uint8Array | undefined {
  const head = readHead(packed);
  if (head === undefined || head.count === maxCount) return undefined;
  const { bytes: old, view: oldView, count, firstUid, lowest, widths, places } = head;
  const sets = unpackSets(old, oldView, places.end);
  const known = sets.findIndex((words) => areSameWords(words, state.words));
  const number = known === -1 ? sets.length : known;
  const column = {
    uids: state.uid - firstUid - count,
    modseqs: state.modseq - lowest,
    flags: number,
  };
  const fits = (name: ColumnName) => column[name] >= 0 && widthOf(column[name]) <= widths[name];
  if (!columnNames.every(fits)) return undefined;
  const newPlaces = layOut(count + 1, widths);
  const oldSets = old.subarray(places.end + 2);
  const newSet = known === -1 ? packSet(state.words) : new Uint8Array();
  const bytes = new Uint8Array(newPlaces.end + 2 + oldSets.length + newSet.length);
  bytes.set(old.subarray(0, headBytes));
  for (const name of columnNames) {
    const [width, begin] = [widths[name], places[name]];
    if (width === 0) continue;
    bytes.set(old.subarray(begin, begin + count * width), newPlaces[name]);
    columnAt(bytes, newPlaces[name], width, count + 1)[count] = column[name];
  }
  bytes.set(oldSets, newPlaces.end + 2);
  bytes.set(newSet, newPlaces.end + 2 + oldSets.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(6, count + 1, isLittleEndian);
  view.setUint16(newPlaces.end, Math.max(sets.length, number + 1), isLittleEndian);
  view.setUint32(0, crc32(bytes.subarray(4)), isLittleEndian);
  return bytes;
}

function columnAt({ buffer, byteOffset }: Uint8Array, offset: number, width: Width, count: number) {
  const begin = byteOffset + offset;
  switch (width) {
    case 2:
      return new Uint16Array(buffer, begin, count);
    case 4:
      return new Uint32Array(buffer, begin, count);
    case 8:
      // Integers are exact in it up to 2^53, as modseqs are.
      return new Float64Array(buffer, begin, count);
    default:
      return new Uint8Array(buffer, begin, count);
  }
}

/** The sets that messages have, each once, in the order of the messages; and for each message the number of its set. */
export function numberSets(
  flags: Uint16Array,
  sets: readonly FlagWords[],
): { sets: FlagWords[]; numbers: Uint16Array } {
  const found: FlagWords[] = [];
  const numberByKey = new Map<string, number>();
  /** By the old number, 1 more than the new one; 0: not met yet. */
  const renumbered = new Uint32Array(sets.length);
  const numbers = new Uint16Array(flags.length);
  for (let index = 0; index < flags.length; index++) {
    const old = flags[index]!;
    if (renumbered[old] === 0) {
      const set = sets[old]!;
      const key = set.join();
      const number = numberByKey.get(key) ?? found.push(set) - 1;
      numberByKey.set(key, number);
      renumbered[old] = number + 1;
    }
    numbers[index] = renumbered[old]! - 1;
  }
  return { sets: found, numbers };
}

/** Bits of the first byte of a set, above those of the system flags: what follows it. */
const hasLow = 1 << 5;
const hasHigh = 1 << 6;
const hasMore = 1 << 7;

/**
 * The system flags and the bits above; the words of keywords with a bit that are not 0, 4 bytes each; the count of keywords
 * without one, and their numbers, 2 bytes each.
 */
function packSet([system, low, high, more]: FlagWords): Uint8Array {
  const numbers = more === '' ? [] : more.split(',').map(Number);
  const bytes = Buffer.alloc(9 + 1 + 2 * numbers.length);
  bytes[0] =
    system |
    (low === 0 ? 0 : hasLow) |
    (high === 0 ? 0 : hasHigh) |
    (numbers.length === 0 ? 0 : hasMore);
  let end = 1;
  if (low !== 0) end = bytes.writeUInt32LE(low, end);
  if (high !== 0) end = bytes.writeUInt32LE(high, end);
  if (numbers.length > 0) end = bytes.writeUInt8(numbers.length, end);
  for (const number of numbers) end = bytes.writeUInt16LE(number, end);
  return bytes.subarray(0, end);
}

function unpackSets(bytes: Uint8Array, view: DataView, begin: number): FlagWords[] {
  let offset = begin;
  const uint32 = () => view.getUint32((offset += 4) - 4, true);
  const uint16 = (isLittle = true) => view.getUint16((offset += 2) - 2, isLittle);
  const count = uint16(isLittleEndian);
  return Array.from({ length: count }, (): FlagWords => {
    const head = bytes[offset++]!;
    const low = (head & hasLow) === 0 ? 0 : uint32();
    const high = (head & hasHigh) === 0 ? 0 : uint32();
    const moreCount = (head & hasMore) === 0 ? 0 : bytes[offset++]!;
    const more = Array.from({ length: moreCount }, () => uint16());
    return [head & (hasLow - 1), low, high, more.join()];
  });
}

/** The lowest of some modseqs. */
export function lowestOf(modseqs: Float64Array): number {
  let lowest = Infinity;
  for (let index = 0; index < modseqs.length; index++) {
    if (modseqs[index]! < lowest) lowest = modseqs[index]!;
  }
  return lowest;
}

/** The highest of some modseqs. */
export function highestOf(modseqs: Float64Array): number {
  let highest = 0;
  for (let index = 0; index < modseqs.length; index++) {
    if (modseqs[index]! > highest) highest = modseqs[index]!;
  }
  return highest;
}
