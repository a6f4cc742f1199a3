import { limits } from './limits.ts';
import { StoreError } from './mail-store.ts';

/** What there is after a change of metadata. */
export interface MetadataUse {
  /** Entries of the mailbox, or of the account itself. */
  readonly ownCount: number;
  /** Entries of the account with all its mailboxes. */
  readonly accountCount: number;
  /** Bytes of their names and values. */
  readonly accountBytes: number;
  /** Bytes of the largest value that the change has set. */
  readonly largestBytes: number;
}

/**
 * `LIMIT` or `OVERQUOTA` if a change that sets values leaves too much. One client could else fill the disk with what is no mail; but
 * each mailbox can have the little that RFC 5464 promises.
 *
 * @see RFC 5464, sections 4.1 and 7
 */
export function checkMetadataRoom(use: MetadataUse): void {
  const { maxMetadataEntries, maxAccountMetadataEntries, maxAccountMetadataBytes } = limits;
  const { promisedMetadataEntries, promisedMetadataValueBytes } = limits;
  const { ownCount, accountCount, accountBytes, largestBytes } = use;
  if (ownCount > maxMetadataEntries) {
    throw new StoreError('LIMIT', `There are at most ${maxMetadataEntries} entries`);
  }
  if (ownCount <= promisedMetadataEntries && largestBytes <= promisedMetadataValueBytes) return;
  if (accountCount > maxAccountMetadataEntries) {
    throw new StoreError('LIMIT', `An account has at most ${maxAccountMetadataEntries} entries`);
  }
  if (accountBytes > maxAccountMetadataBytes) {
    throw new StoreError(
      'OVERQUOTA',
      `The entries of an account have at most ${maxAccountMetadataBytes} bytes`,
    );
  }
}

/** Bytes that an entry counts. */
export function metadataBytes(name: string, value: Uint8Array): number {
  return name.length + value.length;
}
