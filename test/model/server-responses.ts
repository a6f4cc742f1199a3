/** Flags of a message as one text: lower case, sorted, one space between, without \Recent. */
export type FlagText = string;

/** One response of a server, as far as the model test looks into it. */
export type ServerResponse =
  | {
      readonly kind: 'tagged';
      readonly tag: string;
      readonly status: 'OK' | 'NO' | 'BAD';
      /** The response code without its brackets; empty if there is none. */
      readonly code: string;
    }
  | { readonly kind: 'continue' }
  | { readonly kind: 'exists'; readonly count: number }
  | { readonly kind: 'expunge'; readonly number: number }
  | VanishedResponse
  | FetchResponse
  | SearchResponse
  | UpdateResponse
  | {
      readonly kind: 'status';
      readonly mailboxName: string;
      readonly values: ReadonlyMap<string, number>;
    }
  | { readonly kind: 'condition'; readonly status: string; readonly code: string }
  | { readonly kind: 'other' };

/** `* n FETCH (…)` or `* n UIDFETCH (…)`; what the response does not tell is undefined. */
export interface FetchResponse {
  readonly kind: 'fetch';
  readonly number: number;
  /** True if the number is the message's UID. */
  readonly isByUid: boolean;
  readonly uid?: number;
  readonly flags?: FlagText;
  /** Whether the flags have \Recent; undefined without flags. */
  readonly isRecent?: boolean;
  readonly modseq?: number;
  /** The first literal of the response, one character a byte. */
  readonly body?: string;
}

/** `* VANISHED (EARLIER) uids` */
export interface VanishedResponse {
  readonly kind: 'vanished';
  readonly isEarlier: boolean;
  readonly uids: readonly number[];
}

/** `* ESEARCH (TAG t) UID ADDTO (p set …) REMOVEFROM (p set …)` */
export interface UpdateResponse {
  readonly kind: 'update';
  readonly tag: string;
  readonly isUid: boolean;
  /** In their order. */
  readonly changes: readonly {
    readonly name: 'ADDTO' | 'REMOVEFROM';
    readonly position: number;
    readonly numbers: readonly number[];
  }[];
}

/** `* SEARCH n n (MODSEQ m)`, or `* ESEARCH (TAG t) UID ALL set MODSEQ m` */
export interface SearchResponse {
  readonly kind: 'search';
  /** Of an ESEARCH response. */
  readonly tag?: string;
  readonly numbers: readonly number[];
  readonly modseq?: number;
}

/** Flags in the form in which the model compares them. Two spellings of a keyword are one flag. */
export function flagText(flags: Iterable<string>): FlagText {
  return [...new Set([...flags].map((flag) => flag.toLowerCase()))].toSorted().join(' ');
}

/** The flags of a {@link FlagText}. */
export function flagsOf(text: FlagText): string[] {
  return text === '' ? [] : text.split(' ');
}

/**
 * Reads one response.
 *
 * @param line the response without its CRLF; a literal shows as its `{size}`
 * @throws Error if it is no response of IMAP
 */
export function parseResponse(line: string, literals: readonly string[]): ServerResponse {
  if (line.startsWith('+')) return { kind: 'continue' };
  if (line.startsWith('* ')) return parseUntagged(line.slice(2), literals);
  const match = /^(\S+) (OK|NO|BAD)(?: \[([^\]]*)\])?/.exec(line);
  if (match === null) throw new Error(`Malformed response "${line}"`);
  const [, tag, status, code] = match;
  return { kind: 'tagged', tag: tag!, status: status as 'OK', code: code ?? '' };
}

function parseUntagged(text: string, literals: readonly string[]): ServerResponse {
  const numbered = /^(\d+) (EXISTS|EXPUNGE|FETCH|UIDFETCH)\b/.exec(text);
  if (numbered !== null) {
    const number = Number(numbered[1]);
    if (numbered[2] === 'EXISTS') return { kind: 'exists', count: number };
    if (numbered[2] === 'EXPUNGE') return { kind: 'expunge', number };
    return parseFetch(number, numbered[2] === 'UIDFETCH', { text, literals });
  }
  if (text.startsWith('SEARCH')) return parseSearch(text);
  if (/ (?:ADDTO|REMOVEFROM) /.test(text)) return parseUpdate(text);
  if (text.startsWith('ESEARCH')) return parseEsearch(text);
  const vanished = /^VANISHED( \(EARLIER\))? ([\d:,]+)$/.exec(text);
  if (vanished !== null) {
    const [, earlier, set] = vanished;
    return { kind: 'vanished', isEarlier: earlier !== undefined, uids: numbersOf(set!) };
  }
  const condition = /^(OK|NO|BAD|BYE|PREAUTH)(?: \[([^\]]*)\])?/.exec(text);
  if (condition !== null) {
    return { kind: 'condition', status: condition[1]!, code: condition[2] ?? '' };
  }
  const status = /^STATUS "?([^" ]+)"? \(([^)]*)\)$/.exec(text);
  if (status === null) return { kind: 'other' };
  const pairs = status[2]!.matchAll(/([A-Z]+) (\d+)/g);
  const values = new Map([...pairs].map(([, name, value]) => [name!, Number(value)]));
  return { kind: 'status', mailboxName: status[1]!, values };
}

function parseFetch(
  number: number,
  isByUid: boolean,
  { text, literals }: { readonly text: string; readonly literals: readonly string[] },
): FetchResponse {
  const uid = /[( ]UID (\d+)/.exec(text)?.[1] ?? (isByUid ? number : undefined);
  const flags = /[( ]FLAGS \(([^)]*)\)/.exec(text)?.[1];
  const modseq = /[( ]MODSEQ \((\d+)\)/.exec(text)?.[1];
  const words = flags?.split(' ').filter((flag) => flag !== '');
  const isRecent = words?.some((flag) => flag.toLowerCase() === '\\recent');
  const kept = words?.filter((flag) => flag.toLowerCase() !== '\\recent');
  return {
    kind: 'fetch',
    number,
    isByUid,
    ...(uid !== undefined && { uid: Number(uid) }),
    ...(kept !== undefined && { flags: flagText(kept) }),
    ...(isRecent !== undefined && { isRecent }),
    ...(modseq !== undefined && { modseq: Number(modseq) }),
    ...(literals[0] !== undefined && { body: literals[0] }),
  };
}

function parseUpdate(text: string): UpdateResponse {
  const pattern = /^ESEARCH \(TAG "([^"]+)"\)( UID)?((?: (?:ADDTO|REMOVEFROM) \([\d:, ]+\))+)$/;
  const [, tag, uid, items] = pattern.exec(text) ?? [];
  if (items === undefined) throw new Error(`Malformed response "${text}"`);
  const lists = [...items.matchAll(/(ADDTO|REMOVEFROM) \(([^)]+)\)/g)];
  const changes = lists.flatMap(([, name, list]) =>
    [...list!.matchAll(/(\d+) ([\d:,]+)/g)].map(([, position, set]) => ({
      name: name as 'ADDTO' | 'REMOVEFROM',
      position: Number(position),
      numbers: numbersOf(set!),
    })),
  );
  return { kind: 'update', tag: tag!, isUid: uid !== undefined, changes };
}

function parseEsearch(text: string): SearchResponse {
  const tag = /\(TAG "([^"]+)"\)/.exec(text)?.[1];
  const set = / ALL (\S+)/.exec(text)?.[1];
  const modseq = / MODSEQ (\d+)/.exec(text)?.[1];
  return {
    kind: 'search',
    ...(tag !== undefined && { tag }),
    numbers: set === undefined ? [] : numbersOf(set),
    ...(modseq !== undefined && { modseq: Number(modseq) }),
  };
}

function parseSearch(text: string): SearchResponse {
  const modseq = /\(MODSEQ (\d+)\)/.exec(text)?.[1];
  const numbers = text.replace(/\(MODSEQ \d+\)/, '').matchAll(/\d+/g);
  return {
    kind: 'search',
    numbers: [...numbers].map(([number]) => Number(number)),
    ...(modseq !== undefined && { modseq: Number(modseq) }),
  };
}

/**
 * The numbers of a sequence set in a response code, in the order in which they stand.
 *
 * @throws Error if it is none
 */
export function numbersOf(set: string): number[] {
  return set.split(',').flatMap((range) => {
    const [first, last = first] = range.split(':').map(Number);
    if (first === undefined || last === undefined || !(first > 0 && last >= first)) {
      throw new Error(`Cannot read sequence set "${set}"`);
    }
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** Numbers as a sequence set for a command, in the order given; not empty. */
export function sequenceSetOf(numbers: readonly number[]): string {
  return numbers.join(',');
}
