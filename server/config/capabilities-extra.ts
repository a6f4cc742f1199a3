/** Characters of one capability, and how many there may be: every greeting has them. */
const maxNameLength = 64;
const maxCount = 16;

/** An `atom` that begins with X, without the comma that divides names in other keys. @see RFC 3501, section 9 */
const experimentalName = /^X[!#$&'+./0-9:;<=>?@A-Z^_`a-z|}~-]*$/i;

/**
 * Reads names of capabilities with spaces between them that others bring than this server: a proxy in front of it, or a service
 * beside it. They begin with X, so that none claims an extension of IMAP that is not there (RFC 3501, section 7.2.1).
 *
 * @throws Error that says which name is wrong
 */
export function parseCapabilitiesExtra(text: string): readonly string[] {
  const names = new Map<string, string>();
  for (const name of text.split(/\s+/).filter((part) => part !== '')) {
    if (!experimentalName.test(name) || name.length > maxNameLength) {
      throw new Error(
        `must be names that begin with X, of at most ${maxNameLength} characters without brackets, quotes, commas, * and %, with spaces between them, but "${name}" is none`,
      );
    }
    if (!names.has(name.toUpperCase())) names.set(name.toUpperCase(), name);
  }
  if (names.size > maxCount) throw new Error(`has more than ${maxCount} names`);
  return [...names.values()];
}
