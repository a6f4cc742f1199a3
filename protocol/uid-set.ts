/** UIDs of one page: 16 words of 32 bits. */
const pageUids = 512;
const pageWords = pageUids / 32;

/** What a page takes in the map beside its bits, in bytes, about. */
const pageOverheadBytes = 48;

/**
 * A set of UIDs that may be large and changes one by one: a bit for each, in pages that exist only where there are members. Of a
 * mailbox whose UIDs follow each other each takes a quarter of a byte; UIDs that are far apart take 112 bytes each.
 */
export class UidSet {
  /** Where in the words the page of a UID begins. */
  readonly #pages = new Map<number, number>();
  readonly #freeOffsets: number[] = [];
  #words = new Uint32Array();
  #count = 0;
  /** The page that was looked at last, and where it begins; -1 if there is no such page. */
  #page = -1;
  #offset = -1;

  /** @param uids - in any order */
  constructor(uids: Iterable<number> = []) {
    for (const uid of uids) this.add(uid);
  }

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** About. */
  get sizeBytes(): number {
    return this.#words.byteLength + this.#pages.size * pageOverheadBytes;
  }

  has(uid: number): boolean {
    const offset = this.#find(uid);
    return offset !== -1 && (this.#words[offset + wordOf(uid)]! & bitOf(uid)) !== 0;
  }

  /** Adds a UID; false if it was there already. */
  add(uid: number): boolean {
    let offset = this.#find(uid);
    if (offset === -1) offset = this.#addPage(pageOf(uid));
    const place = offset + wordOf(uid);
    const word = this.#words[place]!;
    if ((word & bitOf(uid)) !== 0) return false;
    this.#words[place] = word | bitOf(uid);
    this.#count += 1;
    return true;
  }

  /** Removes a UID; false if it was not there. */
  delete(uid: number): boolean {
    if (!this.has(uid)) return false;
    const offset = this.#find(uid);
    const place = offset + wordOf(uid);
    this.#words[place]! &= ~bitOf(uid);
    this.#count -= 1;
    if (this.#words[place] !== 0) return true;
    if (this.#words.subarray(offset, offset + pageWords).some((word) => word !== 0)) return true;
    this.#pages.delete(pageOf(uid));
    this.#freeOffsets.push(offset);
    this.#page = -1;
    return true;
  }

  /** All of them, ascending, as long as none comes or goes. */
  *[Symbol.iterator](): Generator<number, void> {
    for (const page of Uint32Array.from(this.#pages.keys()).toSorted()) {
      for (let uid = page * pageUids; uid < (page + 1) * pageUids; uid++) {
        if (this.has(uid)) yield uid;
      }
    }
  }

  #find(uid: number): number {
    const page = pageOf(uid);
    if (page !== this.#page) {
      this.#page = page;
      this.#offset = this.#pages.get(page) ?? -1;
    }
    return this.#offset;
  }

  #addPage(page: number): number {
    const offset = this.#freeOffsets.pop() ?? this.#pages.size * pageWords;
    if (offset === this.#words.length) {
      const grown = new Uint32Array(offset + pageWords + pageWords * (offset >>> 7));
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#pages.set(page, offset);
    [this.#page, this.#offset] = [page, offset];
    return offset;
  }
}

function pageOf(uid: number): number {
  return Math.floor(uid / pageUids);
}

function wordOf(uid: number): number {
  return (uid % pageUids) >>> 5;
}

function bitOf(uid: number): number {
  return 1 << (uid & 31);
}
