import type { Capability } from '../capability.ts';
import { CommandError, quoteReceived, type Decoder } from '../decoder.ts';
import type { BinaryItem, FetchItem, PartialRange } from '../fetch-item.ts';
import { maxFetchItems, maxFetchModifiers } from '../limits.ts';
import type { MessageSet } from '../sequence-set.ts';
import { expectModseq } from './modseq.ts';
import { expectResultRange, type ResultRange } from './search-return.ts';
import { expectSectionPart, expectSectionSpec } from './section.ts';

const simpleItems = [
  'ENVELOPE',
  'FLAGS',
  'INTERNALDATE',
  'RFC822',
  'RFC822.HEADER',
  'RFC822.TEXT',
  'RFC822.SIZE',
  'BODY',
  'BODYSTRUCTURE',
  'UID',
  'MODSEQ',
  'EMAILID',
  'THREADID',
  'SAVEDATE',
  'PREVIEW',
] as const;

const itemsByName = new Map<string, FetchItem>(simpleItems.map((item) => [item, { item }]));

/** Items that a capability brings, which are unknown if it is turned off. RFC 9051, appendix E, has no RFC822. */
const itemCapabilities = new Map<string, Capability>([
  ['RFC822', 'IMAP4rev1'],
  ['RFC822.HEADER', 'IMAP4rev1'],
  ['RFC822.TEXT', 'IMAP4rev1'],
  ['MODSEQ', 'CONDSTORE'],
  ['EMAILID', 'OBJECTID'],
  ['THREADID', 'OBJECTID'],
  ['SAVEDATE', 'SAVEDATE'],
  ['PREVIEW', 'PREVIEW'],
]);

const binaryNames: ReadonlySet<string> = new Set(['BINARY', 'BINARY.PEEK', 'BINARY.SIZE']);

const fast = ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE'];
const macros = new Map<string, readonly string[]>([
  ['FAST', fast],
  ['ALL', [...fast, 'ENVELOPE']],
  ['FULL', [...fast, 'ENVELOPE', 'BODY']],
]);

/** The arguments of FETCH. */
export interface FetchArguments extends FetchModifiers {
  readonly set: MessageSet;
  /** Macros are expanded; an item that was asked for twice comes once. */
  readonly items: readonly FetchItem[];
}

/** What stands behind the items, in parentheses. */
interface FetchModifiers {
  /** Only messages with a larger modseq (RFC 7162, section 3.1.4.1). */
  readonly changedSince?: number;
  /** Also tells what was expunged since; only of UID FETCH with `changedSince` (RFC 7162, section 3.2.6). */
  readonly isVanished?: true;
  /** Only these of the messages that the set names; only of UID FETCH (RFC 9394, section 3.3). */
  readonly partial?: ResultRange;
}

/**
 * The grammar has macros only alone; they are accepted in a list too, since they can mean nothing else there.
 *
 * @see RFC 3501, section 6.4.5; RFC 7162, sections 3.1.4.1 and 3.2.6
 */
export function expectFetchArguments(decoder: Decoder, isUid: boolean): FetchArguments {
  decoder.expectSpace();
  const set = decoder.expectMessageSet();
  decoder.expectSpace();
  const items = expectFetchItems(decoder);
  const modifiers = decoder.accept(' ') ? expectFetchModifiers(decoder, isUid) : {};
  return { set, items, ...modifiers };
}

/** Items of FETCH: one, or a list in parentheses, which is not empty. */
export function expectFetchItems(decoder: Decoder): readonly FetchItem[] {
  // Keyed by what they are, so that an item that was asked for twice comes once
  const items = new Map<string, FetchItem>();
  const expectItem = () => {
    for (const item of expectFetchItem(decoder)) items.set(JSON.stringify(item), item);
  };
  if (!decoder.isNext('(')) expectItem();
  else if (decoder.expectList('FETCH items', maxFetchItems, expectItem) === 0) {
    throw new CommandError('Expected FETCH items, got an empty list');
  }
  return [...items.values()];
}

/** One item, or those that a macro stands for. */
function expectFetchItem(decoder: Decoder): readonly FetchItem[] {
  const name = decoder.expectName('FETCH item');
  const macro = macros.get(name);
  if (macro) return macro.map((member) => itemsByName.get(member)!);
  if ((name === 'BODY' || name === 'BODY.PEEK') && decoder.accept('[')) {
    return [expectBodySection(decoder, name === 'BODY.PEEK')];
  }
  if (binaryNames.has(name) && !decoder.isOff('BINARY') && decoder.accept('[')) {
    return [expectBinaryItem(decoder, name)];
  }
  const item = itemsByName.get(name);
  const capability = itemCapabilities.get(name);
  if (!item || (capability !== undefined && decoder.isOff(capability)))
    throw new CommandError(`Unknown FETCH item ${quoteReceived(name)}`);
  if (name === 'PREVIEW') acceptPreviewModifiers(decoder);
  return [item];
}

/**
 * `(LAZY)`: a preview is made at once, so it changes nothing. Behind an item that stands alone other parentheses are modifiers
 * of FETCH. @see RFC 8970, section 6
 */
function acceptPreviewModifiers(decoder: Decoder): void {
  if (!decoder.acceptWord(' (LAZY')) return;
  let hasMore = decoder.acceptWord(' LAZY');
  while (hasMore) hasMore = decoder.acceptWord(' LAZY');
  decoder.expect(')');
}

/** Behind `BODY[` or `BODY.PEEK[`. */
function expectBodySection(decoder: Decoder, isPeek: boolean): FetchItem {
  const section = expectSectionSpec(decoder);
  decoder.expect(']');
  const partial = expectPartial(decoder);
  return { item: 'BODY[]', isPeek, section, ...(partial && { partial }) };
}

/** Behind the bracket that `BINARY`, `BINARY.PEEK` or `BINARY.SIZE` opens. @see RFC 3516, section 7 */
function expectBinaryItem(decoder: Decoder, name: string): BinaryItem {
  const part = expectSectionPart(decoder);
  decoder.expect(']');
  if (name === 'BINARY.SIZE') return { item: 'BINARY.SIZE[]', part };
  const partial = expectPartial(decoder);
  return { item: 'BINARY[]', isPeek: name === 'BINARY.PEEK', part, ...(partial && { partial }) };
}

/** `<offset.count>`; undefined if there is none. */
function expectPartial(decoder: Decoder): PartialRange | undefined {
  if (!decoder.accept('<')) return undefined;
  const offsetBytes = decoder.expectNumber('offset', 0, Number.MAX_SAFE_INTEGER);
  decoder.expect('.');
  const countBytes = decoder.expectNumber('byte count above 0', 1, Number.MAX_SAFE_INTEGER);
  decoder.expect('>');
  return { offsetBytes, countBytes };
}

/** `(CHANGEDSINCE modseq VANISHED PARTIAL range)`. A modseq of 0, which the grammar does not have, asks for all messages. */
function expectFetchModifiers(decoder: Decoder, isUid: boolean): FetchModifiers {
  const modifiers: { changedSince?: number; isVanished?: true; partial?: ResultRange } = {};
  decoder.expectList('FETCH modifiers', maxFetchModifiers, () => {
    const name = decoder.expectAtom('FETCH modifier').toUpperCase();
    if (name === 'CHANGEDSINCE' && !decoder.isOff('CONDSTORE')) {
      decoder.expectSpace();
      modifiers.changedSince = expectModseq(decoder);
    } else if (name === 'VANISHED' && isUid && !decoder.isOff('QRESYNC')) {
      modifiers.isVanished = true;
    } else if (name === 'PARTIAL' && isUid && !decoder.isOff('PARTIAL')) {
      modifiers.partial = expectResultRange(decoder);
    } else throw new CommandError(`Unknown FETCH modifier ${quoteReceived(name)}`);
  });
  if (modifiers.isVanished && modifiers.changedSince === undefined) {
    throw new CommandError('FETCH modifier "VANISHED" needs CHANGEDSINCE');
  }
  return modifiers;
}
