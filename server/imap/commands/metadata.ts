import type { GetMetadataArguments } from '../../../protocol/grammar/metadata.ts';
import { limits } from '../../../store/limits.ts';
import { type MetadataEntry, StoreError } from '../../../store/mail-store.ts';
import type { CommandHandler, Completion } from '../dispatch.ts';
import {
  listEntries,
  specialUseEntry,
  type ToldEntry,
  type ToldOwner,
  writeMetadata,
} from '../metadata-response.ts';
import { CommandRefusedError } from '../responses.ts';
import type { Session } from '../session.ts';

/** @see RFC 5464, section 4.2 */
export const getMetadata: CommandHandler<'GETMETADATA'> = async (session, command) => {
  const { mailboxName, maxSizeBytes = Infinity } = command;
  const owner = await findOwner(session, mailboxName);
  const kept = await listEntries(session, owner);
  const wanted = wantedNames(kept, command);
  const sizes = new Map(kept.map(({ name, sizeBytes }) => [name, sizeBytes]));
  const entries: ToldEntry[] = [];
  let longestBytes = 0;
  for (const name of wanted) {
    const sizeBytes = sizes.get(name) ?? 0;
    if (sizeBytes <= maxSizeBytes) entries.push({ name, isKept: sizes.has(name) });
    else longestBytes = Math.max(longestBytes, sizeBytes);
  }
  await writeMetadata(session, mailboxName, { owner, entries });
  const text = 'GETMETADATA completed';
  return longestBytes === 0 ? { text } : { text, code: `METADATA LONGENTRIES ${longestBytes}` };
};

/** The entries that are named, and those below them as deep as is asked. One that is not there is told if nothing is found for it. */
function wantedNames(
  kept: readonly MetadataEntry[],
  { entries, depth = 0 }: GetMetadataArguments,
): ReadonlySet<string> {
  const wanted = new Set<string>();
  for (const name of entries) {
    const found = kept.filter((entry) => levelsBelow(name, entry.name) <= depth);
    for (const entry of found) wanted.add(entry.name);
    if (found.length === 0) wanted.add(name);
  }
  return wanted;
}

/** 0 for the entry itself; NaN, which is within no depth, for one that does not lie below it. */
function levelsBelow(name: string, other: string): number {
  if (other === name) return 0;
  return other.startsWith(`${name}/`) ? other.slice(name.length).split('/').length - 1 : NaN;
}

/** @see RFC 5464, section 4.3 */
export const setMetadata: CommandHandler<'SETMETADATA'> = async (session, command) => {
  const { mailboxName, values } = command;
  const owner = await findOwner(session, mailboxName);
  if (mailboxName === '' && [...values.keys()].some((name) => name.startsWith('/shared/'))) {
    throw new CommandRefusedError('NO', 'What all accounts share is set by the server', 'NOPERM');
  }
  if (values.has(specialUseEntry)) {
    const text = 'What a mailbox is for is said when it is made';
    throw new CommandRefusedError('NO', text, 'USEATTR');
  }
  for (const value of values.values()) {
    if (value === undefined || value.length <= limits.maxMetadataValueBytes) continue;
    const code = `METADATA MAXSIZE ${limits.maxMetadataValueBytes}` as const;
    throw new CommandRefusedError('NO', 'The value is too long', code);
  }
  return session.store
    .changeMetadata(owner, values, session.id)
    .then((): Completion => ({ text: 'SETMETADATA completed' }), refuse);
};

function refuse(error: unknown): never {
  if (!(error instanceof StoreError) || error.code !== 'LIMIT') throw error;
  throw new CommandRefusedError('NO', error.message, 'METADATA TOOMANY');
}

/** Mailboxes that cannot be selected have metadata, too (section 4.1). */
async function findOwner({ store, accountId }: Session, mailboxName: string): Promise<ToldOwner> {
  if (mailboxName === '') return { accountId, mailboxId: undefined };
  const mailbox = await store.findMailbox(accountId, mailboxName);
  if (mailbox !== undefined) return mailbox;
  throw new CommandRefusedError('NO', 'No mailbox of that name', 'NONEXISTENT');
}
