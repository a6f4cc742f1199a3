import { CommandError, quoteReceived, type Decoder } from './decoder.ts';
import { maxFlags, maxKeywordBytes } from './limits.ts';

/**
 * The system flags that a client can set, in the order in which Reprise lists them.
 *
 * @see RFC 3501, section 2.3.2
 */
export const systemFlags = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft'] as const;

/**
 * A flag as text: a system flag in the spelling of {@link systemFlags}, or a keyword in the spelling of
 * its first use in the mailbox. Compared without regard to case.
 */
export type Flag = string;

const systemFlagsByLowerCase = new Map<string, Flag>(
  systemFlags.map((flag) => [flag.toLowerCase(), flag]),
);

/** A system flag in the spelling of {@link systemFlags}; undefined if it is none of them. */
export function findSystemFlag(text: string): Flag | undefined {
  return systemFlagsByLowerCase.get(text.toLowerCase());
}

/** True for a `flag-keyword`, an atom: no other text can be sent to clients as a keyword. @see RFC 3501, section 9 */
export function isKeyword(text: string): boolean {
  return /^[^\x00-\x20\x7f-\uffff(){%*"\\\]]+$/.test(text);
}

/** A `flag-list`, which may be empty. */
export function expectFlagList(decoder: Decoder): readonly Flag[] {
  const flags = new FlagCollector();
  decoder.expectList('flags', maxFlags, () => flags.add(expectFlag(decoder)));
  return flags.list();
}

/** One or more flags without parentheses, divided by spaces. */
export function expectBareFlags(decoder: Decoder): readonly Flag[] {
  const flags = new FlagCollector();
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
    throw new CommandError(`Keyword is longer than ${maxKeywordBytes} bytes`);
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
class FlagCollector {
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
