import type { CommandHandler } from '../dispatch.ts';
import { CommandRefusedError } from '../responses.ts';

/** What a client begins with: English that everybody can read. @see RFC 2277, section 4.5 */
const initialLanguage = 'i-default';

/** The languages of texts for people. There is one set of texts, which is English; no mailbox prefix has a translation. */
const languages: readonly string[] = ['en', initialLanguage];

/**
 * Tells which languages there are, or goes over to the first that is known. Commands before it and behind it have the same
 * texts: what changes is what the client has been told.
 *
 * @see RFC 5255, section 3
 */
export const language: CommandHandler<'LANGUAGE'> = async (session, { ranges }) => {
  const [text, told] =
    ranges.length === 0
      ? ['Supported languages have been enumerated', languages]
      : ['Now speaking English', [findLanguage(ranges)]];
  const out = session.out.begin().atom('LANGUAGE').open();
  for (const tag of told) out.atom(tag);
  out.close().end();
  return { text };
};

/** The language that is meant by the first range that means one. */
function findLanguage(ranges: readonly string[]): string {
  for (const range of ranges) {
    if (range.toLowerCase() === 'default') return initialLanguage;
    const found = lookUp(range);
    if (found !== undefined) return found;
  }
  throw new CommandRefusedError('NO', 'None of these languages is supported');
}

/** Looks for a range, then for it without its last subtag, and so on. @see RFC 4647, section 3.4 */
function lookUp(range: string): string | undefined {
  const subtags = range.toLowerCase().split('-');
  // Ends when no subtag is left.
  for (; subtags.length > 0; subtags.pop()) {
    const known = languages.find((tag) => tag === subtags.join('-'));
    if (known !== undefined) return known;
  }
  return undefined;
}
