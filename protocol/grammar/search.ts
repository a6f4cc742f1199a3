import { decodeCharset, isKnownCharset } from '../mime/charsets/charset.ts';
import { isUtf8 } from 'node:buffer';
import type { Capability } from '../capability.ts';
import { expectDate } from '../dates.ts';
import { CommandError, quoteReceived, type Decoder } from '../decoder.ts';
import { expectKeyword } from '../flag.ts';
import { maxNumber, maxSearchKeys, maxSearchNesting } from '../limits.ts';
import type { DateField, SearchKey } from '../search-key.ts';
import { acceptSearchReturn, expectFuzzy, type SearchReturn } from './search-return.ts';
import { expectModseq } from './modseq.ts';

/** @see RFC 9755, section 3 */
const charsetText = 'No CHARSET is allowed once UTF8=ACCEPT is enabled, text is UTF-8';
/** @see RFC 6855, erratum 4029 */
const otherCharsetText = 'No charset but UTF-8 is allowed once UTF8=ACCEPT is enabled';

/** The arguments of SEARCH. */
export interface SearchArguments {
  /** Present if the answer is an ESEARCH response instead of SEARCH. */
  readonly returned?: SearchReturn;
  /** The name of a charset that is not known, for which the search is refused. */
  readonly unknownCharset?: string;
  /** True if some of them may be matched fuzzily, so that what is found has a relevancy. @see RFC 6203, section 4 */
  readonly isFuzzy?: true;
  /** Several keys are one `and`. */
  readonly criteria: SearchKey;
}

/** @see RFC 3501, section 6.4.4; RFC 4731, section 3.1 (RETURN) */
export function expectSearchArguments(decoder: Decoder): SearchArguments {
  decoder.expectSpace();
  const returned = acceptSearchReturn(decoder);
  const program = expectCriteria(decoder);
  expectFuzzy(returned?.items.has('RELEVANCY') === true, program);
  return { ...program, ...(returned !== undefined && { returned }) };
}

/** The search keys of SEARCH and ESEARCH, perhaps with a charset before them. @see RFC 4466, section 2.6.1 (search-program) */
export function expectCriteria(decoder: Decoder): SearchProgram {
  const keys = new SearchDecoder(decoder);
  return keys.withCharset(keys.expectCriteria());
}

/** What SORT and THREAD search. */
export type SearchProgram = Pick<SearchArguments, 'criteria' | 'isFuzzy' | 'unknownCharset'>;

/** The charset and the search keys of SORT and THREAD. @see RFC 5256, section 5 (search-criteria) */
export function expectSearchProgram(decoder: Decoder): SearchProgram {
  const keys = new SearchDecoder(decoder);
  return keys.withCharset(keys.expectProgram());
}

const keysByName = new Map<string, SearchKey>([
  ['ALL', { key: 'all' }],
  ['NEW', { key: 'and', keys: [{ key: 'recent' }, not(flag('\\Seen'))] }],
  ['OLD', not({ key: 'recent' })],
  ['RECENT', { key: 'recent' }],
  // All mailboxes know it.
  ['SAVEDATESUPPORTED', { key: 'all' }],
  ...['Answered', 'Deleted', 'Draft', 'Flagged', 'Seen'].flatMap((name) => {
    const key = flag(`\\${name}`);
    const keys: [string, SearchKey][] = [
      [name.toUpperCase(), key],
      [`UN${name.toUpperCase()}`, not(key)],
    ];
    return keys;
  }),
]);

/** What IMAP4rev2 does not have any more. @see RFC 9051, appendix E */
const recentKeys = ['NEW', 'OLD', 'RECENT'];

/** Reads search keys; it knows the charset of their text and how many there were. */
class SearchDecoder {
  readonly #decoder: Decoder;
  #charset: string | undefined;
  #unknownCharset: string | undefined;
  #keyCount = 0;
  #isFuzzy = false;

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  /** The criteria, with the name of the charset if it is not known. */
  withCharset(criteria: SearchKey): SearchProgram {
    const unknownCharset = this.#unknownCharset;
    return {
      criteria,
      ...(this.#isFuzzy && { isFuzzy: true }),
      ...(unknownCharset !== undefined && { unknownCharset }),
    };
  }

  expectCriteria(): SearchKey {
    let name = this.#isNameNext() ? this.#expectKeyName() : undefined;
    if (name === 'CHARSET') {
      if (this.#decoder.isEnabled('UTF8=ACCEPT')) throw new CommandError(charsetText);
      this.#decoder.expectSpace();
      this.#expectCharset();
      this.#decoder.expectSpace();
      name = undefined;
    }
    return this.#expectKeys(name);
  }

  expectProgram(): SearchKey {
    this.#expectCharset();
    if (this.#charset !== 'UTF-8' && this.#decoder.isEnabled('UTF8=ACCEPT')) {
      throw new CommandError(otherCharsetText);
    }
    this.#decoder.expectSpace();
    return this.#expectKeys();
  }

  /** All keys up to the end; `name` if the name of the first has been read already. */
  #expectKeys(name?: string): SearchKey {
    const keys = [this.#expectKey(0, name)];
    while (this.#decoder.accept(' ')) keys.push(this.#expectKey(0));
    return conjunction(keys);
  }

  /** Text in US-ASCII, and in a charset that is not known, is read as if there were no charset. */
  #expectCharset(): void {
    const name = this.#decoder.expectAString('charset').toUpperCase();
    if (name === 'US-ASCII' || name === 'ASCII') return;
    if (name === 'UTF-8' || name === 'UTF8') this.#charset = 'UTF-8';
    else if (/^[\x21-\x7e]{1,40}$/.test(name) && isKnownCharset(name)) this.#charset = name;
    else this.#unknownCharset = name;
  }

  #isNameNext(): boolean {
    if (this.#decoder.isNext('$')) return this.#decoder.isOff('SEARCHRES');
    return !this.#decoder.isNext('(') && !this.#decoder.isSequenceSetNext();
  }

  #expectKeyName(): string {
    return this.#decoder.expectAtom('search key').toUpperCase();
  }

  /** One key at a depth; `name` if its name has been read already. */
  #expectKey(depth: number, name?: string): SearchKey {
    if (depth > maxSearchNesting) {
      throw new CommandError(`Search keys are nested deeper than ${maxSearchNesting}`);
    }
    if (++this.#keyCount > maxSearchKeys) {
      throw new CommandError(`More than ${maxSearchKeys} search keys`);
    }
    if (name !== undefined) return this.#expectNamedKey(depth, name);
    if (this.#decoder.isNext('(')) return this.#expectKeyList(depth);
    if (this.#decoder.isSequenceSetNext()) {
      return { key: 'sequence', set: this.#decoder.expectSequenceSet() };
    }
    if (this.#decoder.acceptSavedResult()) return { key: 'saved' };
    return this.#expectNamedKey(depth, this.#expectKeyName());
  }

  #expectKeyList(depth: number): SearchKey {
    const keys: SearchKey[] = [];
    this.#decoder.expectList('search keys', maxSearchKeys, () => {
      keys.push(this.#expectKey(depth + 1));
    });
    if (keys.length === 0) throw new CommandError('Expected search keys, got an empty list');
    return conjunction(keys);
  }

  #expectNamedKey(depth: number, name: string): SearchKey {
    const capability = capabilitiesByName.get(name);
    const isOff = capability !== undefined && this.#decoder.isOff(capability);
    const isOld = recentKeys.includes(name) && this.#decoder.isEnabled('IMAP4rev2');
    const constant = isOff || isOld ? undefined : keysByName.get(name);
    if (constant) return constant;
    const expectArgument = isOff ? undefined : argumentsByName.get(name);
    if (!expectArgument && (isOff || !['NOT', 'OR', 'FUZZY'].includes(name))) {
      throw new CommandError(`Unknown search key ${quoteReceived(name)}`);
    }
    this.#decoder.expectSpace();
    if (expectArgument) return expectArgument(this.#decoder, () => this.#expectSearchText());
    if (name === 'NOT') return not(this.#expectKey(depth + 1));
    if (name === 'FUZZY') {
      this.#isFuzzy = true;
      return fuzzy(this.#expectKey(depth + 1));
    }
    const left = this.#expectKey(depth + 1);
    this.#decoder.expectSpace();
    return { key: 'or', left, right: this.#expectKey(depth + 1) };
  }

  /**
   * Text in the charset of the command. Without one, and with US-ASCII, bytes above 127 are taken as UTF-8 if
   * they are UTF-8, as sloppy clients mean them, else as ISO 8859-1.
   */
  #expectSearchText(): string {
    if (this.#charset === undefined) return this.#decoder.expectText('search text');
    const start = this.#decoder.position;
    const bytes = this.#decoder.expectAStringBytes('search text');
    if (this.#charset === 'UTF-8' && !isUtf8(bytes)) {
      throw this.#decoder.expected('search text in UTF-8', start);
    }
    return decodeCharset(bytes, this.#charset);
  }
}

/** Of the keys that are unknown without one. */
const capabilitiesByName = new Map<string, Capability>([
  ['MODSEQ', 'CONDSTORE'],
  ['FUZZY', 'SEARCH=FUZZY'],
  ['OLDER', 'WITHIN'],
  ['YOUNGER', 'WITHIN'],
  ['EMAILID', 'OBJECTID'],
  ['THREADID', 'OBJECTID'],
  ['SAVEDBEFORE', 'SAVEDATE'],
  ['SAVEDON', 'SAVEDATE'],
  ['SAVEDSINCE', 'SAVEDATE'],
  ['SAVEDATESUPPORTED', 'SAVEDATE'],
  ['UIDAFTER', 'MESSAGELIMIT'],
  ['UIDBEFORE', 'MESSAGELIMIT'],
]);

type ExpectArgument = (decoder: Decoder, expectSearchText: () => string) => SearchKey;

const argumentsByName = new Map<string, ExpectArgument>([
  ['BODY', (_, expectText) => ({ key: 'body', text: expectText() })],
  ['TEXT', (_, expectText) => ({ key: 'text', text: expectText() })],
  ...['Bcc', 'Cc', 'From', 'Subject', 'To'].map(headerArgument),
  ['HEADER', expectHeader],
  ['KEYWORD', (decoder) => flag(expectKeyword(decoder))],
  ['UNKEYWORD', (decoder) => not(flag(expectKeyword(decoder)))],
  ['BEFORE', dateArgument('internal', 'before')],
  ['ON', dateArgument('internal', 'on')],
  ['SINCE', dateArgument('internal', 'since')],
  ['SENTBEFORE', dateArgument('sent', 'before')],
  ['SENTON', dateArgument('sent', 'on')],
  ['SENTSINCE', dateArgument('sent', 'since')],
  ['SAVEDBEFORE', dateArgument('saved', 'before')],
  ['SAVEDON', dateArgument('saved', 'on')],
  ['SAVEDSINCE', dateArgument('saved', 'since')],
  ['LARGER', sizeArgument('larger')],
  ['SMALLER', sizeArgument('smaller')],
  ['OLDER', ageArgument('older')],
  ['YOUNGER', ageArgument('younger')],
  ['UID', expectUid],
  ['UIDAFTER', expectUidAfter],
  ['UIDBEFORE', expectUidBefore],
  ['MODSEQ', expectModseqKey],
  ['EMAILID', (decoder) => ({ key: 'emailId', id: expectObjectId(decoder) })],
  ['THREADID', (decoder) => ({ key: 'threadId', id: expectObjectId(decoder) })],
]);

function headerArgument(fieldName: string): [string, ExpectArgument] {
  const expectArgument: ExpectArgument = (_, expectText) => ({
    key: 'header',
    fieldName,
    text: expectText(),
  });
  return [fieldName.toUpperCase(), expectArgument];
}

function expectHeader(decoder: Decoder, expectText: () => string): SearchKey {
  const fieldName = decoder.expectAString('header field name');
  decoder.expectSpace();
  return { key: 'header', fieldName, text: expectText() };
}

function dateArgument(field: DateField, relation: 'before' | 'on' | 'since'): ExpectArgument {
  return (decoder) => ({ key: 'date', field, relation, day: expectDate(decoder) });
}

/** @see RFC 5032, section 3 */
function ageArgument(relation: 'younger' | 'older'): ExpectArgument {
  return (decoder) => ({
    key: 'age',
    relation,
    seconds: decoder.expectNumber('seconds above 0', 1),
  });
}

function expectUid(decoder: Decoder): SearchKey {
  if (decoder.acceptSavedResult()) return { key: 'saved' };
  return { key: 'uid', set: decoder.expectSequenceSet() };
}

/** @see RFC 9738, section 3.2 */
function expectUidAfter(decoder: Decoder): SearchKey {
  const uid = decoder.expectNumber('UID above 0', 1);
  return { key: 'uid', set: uid === maxNumber ? [] : [{ first: uid + 1, last: maxNumber }] };
}

function expectUidBefore(decoder: Decoder): SearchKey {
  const uid = decoder.expectNumber('UID above 0', 1);
  return { key: 'uid', set: uid === 1 ? [] : [{ first: 1, last: uid - 1 }] };
}

function sizeArgument(relation: 'larger' | 'smaller'): ExpectArgument {
  return (decoder) => ({
    key: 'size',
    relation,
    sizeBytes: decoder.expectNumber('size', 0, Number.MAX_SAFE_INTEGER),
  });
}

/**
 * A modseq, perhaps with the metadata entry that it is of. The store has one modseq for each message, so the entry
 * is read and does not count. @see RFC 7162, section 3.1.5
 */
function expectModseqKey(decoder: Decoder): SearchKey {
  if (decoder.isNext('"')) {
    decoder.expectString('entry name');
    decoder.expectSpace();
    const start = decoder.position;
    const type = decoder.expectAtom('entry type').toLowerCase();
    if (!['priv', 'shared', 'all'].includes(type)) throw decoder.expected('entry type', start);
    decoder.expectSpace();
  }
  return { key: 'modseq', modseq: expectModseq(decoder) };
}

/** An object id, also between quotes, as some clients write it. @see RFC 8474, section 7, `objectid` */
function expectObjectId(decoder: Decoder): string {
  const start = decoder.position;
  const id = decoder.expectAString('object id');
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(id)) throw decoder.expected('object id', start);
  return id;
}

function conjunction(keys: readonly SearchKey[]): SearchKey {
  return keys.length === 1 ? keys[0]! : { key: 'and', keys };
}

function flag(name: string): SearchKey {
  return { key: 'flag', flag: name };
}

/** Only text is matched fuzzily: of dates, sizes and flags it is known whether they are as the client says. */
function fuzzy(key: SearchKey): SearchKey {
  switch (key.key) {
    case 'header':
    case 'body':
    case 'text':
      return { ...key, isFuzzy: true };
    case 'and':
      return { key: 'and', keys: key.keys.map(fuzzy) };
    case 'or':
      return { key: 'or', left: fuzzy(key.left), right: fuzzy(key.right) };
    case 'not':
      return not(fuzzy(key.operand));
    default:
      return key;
  }
}

function not(operand: SearchKey): SearchKey {
  return { key: 'not', operand };
}
