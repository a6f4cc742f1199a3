import type { MetadataOwner } from '../../store/mail-store.ts';
import { metadataResponseBytes } from './limits.ts';
import type { Session } from './session.ts';

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
  { out, store }: Session,
  mailboxName: string,
  told: { readonly owner: MetadataOwner; readonly entries: readonly ToldEntry[] },
): Promise<void> {
  let values: ToldValue[] = [];
  let sizeBytes = 0;
  const end = async () => {
    writeResponse(out, mailboxName, values);
    values = [];
    sizeBytes = 0;
    if (out.isFull) await out.ready();
  };
  for (const { name, isKept } of told.entries) {
    const value = isKept ? await store.readMetadata(told.owner, name) : undefined;
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
