/**
 * The special uses that a mailbox can have, in the order in which they are told. Of those of RFC 6154 \All and \Flagged are no
 * mailboxes but views of others, which the server does not have.
 *
 * @see RFC 6154, section 2; RFC 8457 (\Important); RFC 9979 (\Memos, \Scheduled, \Snoozed)
 */
export const specialUses = [
  '\\Archive',
  '\\Drafts',
  '\\Important',
  '\\Junk',
  '\\Memos',
  '\\Scheduled',
  '\\Sent',
  '\\Snoozed',
  '\\Trash',
] as const;

/** What a mailbox is for. */
export type SpecialUse = (typeof specialUses)[number];

/** A special use in the spelling of {@link specialUses}; undefined if it is none that a mailbox can have. */
export function findSpecialUse(text: string): SpecialUse | undefined {
  const wanted = text.toLowerCase();
  return specialUses.find((use) => use.toLowerCase() === wanted);
}
