import type { ImapConnection } from './load/imap-connection.ts';

/** Messages that differ: each body has as many messages as the mailbox is larger than this. */
const distinctCount = 1_000;
/** Messages of one COPY at most: Dovecot holds a lock as long. */
const copiedAtOnce = 50_000;

/** A message of some hundred bytes, different for each number. */
export function smallMessage(number: number): Buffer {
  return Buffer.from(
    `Date: Wed, 01 Jan 2020 08:00:00 +0000\r\nFrom: Anna Berg <anna@mail.example>\r\nTo: reader@mail.example\r\nSubject: Note ${number}\r\nMessage-ID: <note.${number}@mail.example>\r\n\r\nHello, this is note ${number}.\r\n`,
  );
}

export interface SmallFillOptions {
  readonly messageCount: number;
  /** The server takes several messages in one APPEND, and is so filled in less time. */
  readonly hasMultiAppend?: boolean | undefined;
}

/**
 * Makes a mailbox of small messages: a thousand are appended, then copied until there are enough, which is the quickest
 * way that any IMAP server has. Nothing is selected afterwards.
 */
export async function fillSmall(
  client: ImapConnection,
  mailbox: string,
  { messageCount, hasMultiAppend }: SmallFillOptions,
): Promise<void> {
  await client.ok(`CREATE ${mailbox}`);
  let count = Math.min(distinctCount, messageCount);
  await client.appendAll(
    mailbox,
    Array.from({ length: count }, (_, index) => smallMessage(index)),
    hasMultiAppend,
  );
  await client.ok(`SELECT ${mailbox}`);
  while (count < messageCount) {
    const copied = Math.min(count, messageCount - count, copiedAtOnce);
    await client.ok(`COPY 1:${copied} ${mailbox}`);
    count += copied;
  }
  await client.ok('UNSELECT');
}
