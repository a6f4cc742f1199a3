import { CommandError } from './command-error.ts';
import type { Command } from './command.ts';
import { quoteReceived, type Decoder } from './decoder.ts';
import { findSystemFlag, type Flag } from './flag.ts';
import { maxFlags, maxKeywordBytes, maxModseq } from './limits.ts';

/**
 * The arguments of STORE and UID STORE.
 *
 * @see RFC 3501, section 6.4.6; RFC 7162, section 3.1.3
 */
export function expectStoreArguments(decoder: Decoder, isUid: boolean): Command {
  decoder.expectSpace();
  const set = decoder.expectSequenceSet();
  decoder.expectSpace();
  const unchangedSince = decoder.isNext('(') ? expectStoreModifiers(decoder) : undefined;
  const action = expectStoreAction(decoder);
  decoder.expectSpace();
  const flags = decoder.isNext('(') ? expectFlagList(decoder) : expectBareFlags(decoder);
  const command = { name: 'STORE', isUid, set, ...action, flags } as const;
  return unchangedSince === undefined ? command : { ...command, unchangedSince };
}

/** `(UNCHANGEDSINCE modseq)` and the space behind it. */
function expectStoreModifiers(decoder: Decoder): number | undefined {
  let unchangedSince: number | undefined;
  decoder.expectList('STORE modifiers', 1, () => {
    const name = decoder.expectAtom('STORE modifier').toUpperCase();
    if (name !== 'UNCHANGEDSINCE') {
      throw new CommandError(`Unknown STORE modifier ${quoteReceived(name)}`);
    }
    decoder.expectSpace();
    unchangedSince = decoder.expectNumber('modseq', 0, maxModseq);
  });
  decoder.expectSpace();
  return unchangedSince;
}

function expectStoreAction(decoder: Decoder) {
  const start = decoder.position;
  const mode = decoder.accept('+') ? 'add' : decoder.accept('-') ? 'remove' : 'replace';
  const name = decoder.expectName('FLAGS');
  if (name !== 'FLAGS' && name !== 'FLAGS.SILENT') throw decoder.expected('FLAGS', start);
  return { mode, isSilent: name === 'FLAGS.SILENT' } as const;
}

/** A `flag-list`, which may be empty. */
export function expectFlagList(decoder: Decoder): readonly Flag[] {
  const flags = new FlagSet();
  decoder.expectList('flags', maxFlags, () => flags.add(expectFlag(decoder)));
  return flags.list();
}

/** One or more flags without parentheses, divided by spaces. */
function expectBareFlags(decoder: Decoder): readonly Flag[] {
  const flags = new FlagSet();
  let count = 0;
  do {
    if (++count > maxFlags) throw new CommandError(`More than ${maxFlags} flags`);
    flags.add(expectFlag(decoder));
  } while (decoder.accept(' '));
  return flags.list();
}

/** A keyword as it came. */
export function expectKeyword(decoder: Decoder): Flag {
  const keyword = decoder.expectAtom('flag');
  if (keyword.length > maxKeywordBytes) {
    throw new CommandError(`Keyword is longer than ${maxKeywordBytes} octets`);
  }
  return keyword;
}

/** A flag; undefined for \Recent, which only the server sets: clients copy it out of FETCH responses. */
function expectFlag(decoder: Decoder): Flag | undefined {
  if (!decoder.accept('\\')) return expectKeyword(decoder);
  const name = `\\${decoder.expectAtom('system flag')}`;
  if (name.toLowerCase() === '\\recent') return undefined;
  const flag = findSystemFlag(name);
  if (flag === undefined) throw new CommandError(`Unknown system flag ${quoteReceived(name)}`);
  return flag;
}

/** Flags in the order of their first mention, each once, in whatever case. */
class FlagSet {
  readonly #flags = new Map<string, Flag>();

  add(flag: Flag | undefined): void {
    if (flag === undefined) return;
    const key = flag.toLowerCase();
    if (!this.#flags.has(key)) this.#flags.set(key, flag);
  }

  list(): readonly Flag[] {
    return [...this.#flags.values()];
  }
}
