import { CommandError, quoteReceived, type Decoder } from '../decoder.ts';
import { maxMetadataNameBytes, maxMetadataNames, maxMetadataOptions } from '../limits.ts';

/** The arguments of GETMETADATA. */
export interface GetMetadataArguments {
  /** Empty for the server. */
  readonly mailboxName: string;
  /** In lower case, each once. */
  readonly entries: readonly string[];
  /** Bytes of the largest value that the client wants; absent: there is no bound. */
  readonly maxSizeBytes?: number;
  /** Levels below each entry that are looked at, too: 1 or Infinity; absent: none. */
  readonly depth?: number;
}

/** The arguments of SETMETADATA. */
export interface SetMetadataArguments {
  /** Empty for the server. */
  readonly mailboxName: string;
  /** By the name of the entry, in lower case; undefined for one that is to be removed. */
  readonly values: ReadonlyMap<string, Uint8Array | undefined>;
}

interface Options {
  maxSizeBytes?: number;
  depth?: number;
}

/**
 * The options may stand before the mailbox, as the syntax has it, or behind it, as the examples have it.
 *
 * @see RFC 5464, sections 4.2 and 5
 */
export function expectGetMetadataArguments(decoder: Decoder): GetMetadataArguments {
  expectKnown(decoder, 'GETMETADATA');
  const options: Options = {};
  decoder.expectSpace();
  const hasOptions = decoder.isNext('(');
  if (hasOptions) {
    decoder.expectList('options', maxMetadataOptions, () => expectOption(decoder, options));
    decoder.expectSpace();
  }
  const mailboxName = expectOwner(decoder);
  decoder.expectSpace();
  let entries = expectEntries(decoder, hasOptions ? undefined : options);
  if (entries.length === 0 && !hasOptions && Object.keys(options).length > 0) {
    decoder.expectSpace();
    entries = expectEntries(decoder, undefined);
  }
  if (entries.length === 0) throw new CommandError('Expected entries, got an empty list');
  return { mailboxName, entries, ...options };
}

/**
 * An entry, or a list of them, or several without parentheses, as an example has them (section 4.4.1); if options are given it may
 * be a list of options instead, which are added to them.
 */
function expectEntries(decoder: Decoder, options: Options | undefined): readonly string[] {
  const entries = new Set<string>();
  if (!decoder.isNext('(')) {
    let count = 0;
    do {
      if (++count > maxMetadataNames)
        throw new CommandError(`More than ${maxMetadataNames} entries`);
      if (count > 1) decoder.expectSpace();
      entries.add(expectSpecifier(decoder));
    } while (!decoder.isAtEnd());
    return [...entries];
  }
  decoder.expectList('entries', maxMetadataNames, () => {
    const isEntry = ['/', '"', '{'].some((first) => decoder.isNext(first));
    if (isEntry || options === undefined || entries.size > 0) entries.add(expectSpecifier(decoder));
    else expectOption(decoder, options);
  });
  return [...entries];
}

function expectOption(decoder: Decoder, options: Options): void {
  const name = decoder.expectAtom('option').toUpperCase();
  decoder.expectSpace();
  if (name === 'MAXSIZE') {
    options.maxSizeBytes = decoder.expectNumber('number of bytes');
  } else if (name === 'DEPTH') {
    const depth = decoder.expectAtom('depth').toLowerCase();
    if (!['0', '1', 'infinity'].includes(depth)) {
      throw new CommandError(`Unknown depth ${quoteReceived(depth)}`);
    }
    options.depth = depth === 'infinity' ? Infinity : Number(depth);
  } else throw new CommandError(`Unknown option ${quoteReceived(name)}`);
}

/** @see RFC 5464, section 4.3 */
export function expectSetMetadataArguments(decoder: Decoder): SetMetadataArguments {
  expectKnown(decoder, 'SETMETADATA');
  decoder.expectSpace();
  const mailboxName = expectOwner(decoder);
  decoder.expectSpace();
  const values = new Map<string, Uint8Array | undefined>();
  decoder.expectList('entries', maxMetadataNames, () => {
    const name = expectEntry(decoder);
    if (values.has(name)) throw new CommandError(`Entry ${quoteReceived(name)} is set twice`);
    decoder.expectSpace();
    values.set(name, decoder.expectNBytes('value'));
  });
  if (values.size === 0) throw new CommandError('Expected entries, got an empty list');
  return { mailboxName, values };
}

/** Either of the two capabilities brings the commands. */
function expectKnown(decoder: Decoder, name: string): void {
  if (!decoder.isOff('METADATA') || !decoder.isOff('METADATA-SERVER')) return;
  throw new CommandError(`Unknown command ${quoteReceived(name)}`);
}

function expectOwner(decoder: Decoder): string {
  const mailboxName = decoder.expectMailbox();
  if (mailboxName !== '' && decoder.isOff('METADATA')) {
    throw new CommandError('Only the server has metadata, not its mailboxes', { isNo: true });
  }
  return mailboxName;
}

/** The entries that LIST is to tell of each mailbox: one, or a list of them. @see RFC 9590, section 5 */
export function expectListedEntries(decoder: Decoder): readonly string[] {
  if (!decoder.isNext('(')) return [expectEntry(decoder)];
  const entries = new Set<string>();
  decoder.expectList('entries', maxMetadataNames, () => void entries.add(expectEntry(decoder)));
  if (entries.size === 0) throw new CommandError('Expected entries, got an empty list');
  return [...entries];
}

/** The name of an entry, or of a level above entries, whose DEPTH brings them. */
function expectSpecifier(decoder: Decoder): string {
  return expectName(decoder, 0);
}

/** The name of an entry that there can be: vendors have names of their own below their token. */
function expectEntry(decoder: Decoder): string {
  const name = expectName(decoder, 1);
  const [, , second, token, own] = name.split('/');
  if (second !== 'vendor' || (token !== undefined && own !== undefined)) return name;
  throw new CommandError(`Entry names no vendor and no entry of it: ${quoteReceived(name)}`);
}

/**
 * A name in lower case, since case does not count in it, with so many levels at least below `/private` or `/shared`.
 *
 * @see RFC 5464, section 3.2
 */
function expectName(decoder: Decoder, minLevels: 0 | 1): string {
  const text = decoder.expectAString('entry');
  const name = text.toLowerCase();
  if (name.length > maxMetadataNameBytes) {
    throw new CommandError(`Entry name is longer than ${maxMetadataNameBytes} bytes`);
  }
  const isName = /^\/(?:private|shared)(?:\/[^\x00-\x19/*%\x7f-\xff]+)*$/.test(name);
  if (isName && name.split('/').length >= minLevels + 2) return name;
  throw new CommandError(`Expected an entry of /private or /shared, got ${quoteReceived(text)}`);
}
