import type { Mailbox, MetadataEntry, MetadataOwner } from '../../store/mail-store.ts';
import { metadataResponseBytes } from './limits.ts';
import type { Session } from './session.ts';

/** The entry that tells what a mailbox is for, and that nobody sets. @see RFC 6154, section 4 */
export const specialUseEntry = '/private/specialuse';

/** A mailbox, or an account itself. */
export type ToldOwner = MetadataOwner & Partial<Pick<Mailbox, 'specialUses'>>;

/** All entries of a mailbox or an account, by name, with what the server tells by itself. `NONEXISTENT`. */
export async function listEntries(
  session: Session,
  owner: ToldOwner,
): Promise<readonly MetadataEntry[]> {
  const entries = await session.store.listMetadata(owner);
  const uses = specialUsesOf(session, owner);
  if (uses === undefined) return entries;
  const told = { name: specialUseEntry, sizeBytes: uses.length };
  return [...entries, told].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function specialUsesOf(session: Session, { specialUses = [] }: ToldOwner): Uint8Array | undefined {
  if (specialUses.length === 0 || session.isOff('SPECIAL-USE')) return undefined;
  return Buffer.from(specialUses.join(' '));
}

function readEntry(
  session: Session,
  owner: ToldOwner,
  name: string,
): Promise<Uint8Array | undefined> {
  if (name === specialUseEntry) return Promise.resolve(specialUsesOf(session, owner));
  return session.store.readMetadata(owner, name);
}

/** An entry that is to be told. */
export interface ToldEntry {
  readonly name: string;
  /** False for one that was asked for and that there is not. */
  readonly isKept: boolean;
}

interface ToldValue {
  readonly name: string;
  readonly value: Uint8Array | undefined;
}

/**
 * Writes entries with their values, in responses of bounded size: a mailbox may have more of them than a client takes that does not
 * read. None for no entries. Waits for a client that does not keep up.
 *
 * @param mailboxName - empty for what is the account's
 * @see RFC 5464, section 4.4.1
 */
export async function writeMetadata(
  session: Session,
  mailboxName: string,
  told: { readonly owner: ToldOwner; readonly entries: readonly ToldEntry[] },
): Promise<void> {
  const { out } = session;
  let values: ToldValue[] = [];
  let sizeBytes = 0;
  const end = async () => {
    writeResponse(out, mailboxName, values);
    values = [];
    sizeBytes = 0;
    if (out.isFull) await out.ready();
  };
  for (const { name, isKept } of told.entries) {
    const value = isKept ? await readEntry(session, told.owner, name) : undefined;
    values.push({ name, value });
    sizeBytes += name.length + (value?.length ?? 0);
    if (sizeBytes >= metadataResponseBytes) await end();
  }
  if (values.length > 0) await end();
}

function writeResponse(
  out: Session['out'],
  mailboxName: string,
  values: readonly ToldValue[],
): void {
  out.begin().atom('METADATA').mailbox(mailboxName).open();
  for (const { name, value } of values) {
    out.astring(name);
    if (value === undefined) out.nstring(undefined);
    else if (value.includes(0)) out.literal8(value.length).bytes(value);
    else out.string(Buffer.from(value).toString('latin1'));
  }
  out.close().end();
}
