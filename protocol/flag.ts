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

/** A system flag in the spelling of {@link systemFlags}; undefined where it is none of them. */
export function findSystemFlag(text: string): Flag | undefined {
  return systemFlagsByLowerCase.get(text.toLowerCase());
}
