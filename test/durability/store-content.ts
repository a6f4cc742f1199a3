import { createHash } from 'node:crypto';
import type { MailStore } from '../../store/mail-store.ts';
import {
  readAll,
  readBytes,
  readChanges,
  readOpening,
} from '../fixtures/mail-store-contract/store-steps.ts';

/** Everything that a store tells of its mail, a line for each mailbox and each message; bodies by their digests. */
export async function describeStore(store: MailStore): Promise<string> {
  const lines: string[] = [];
  for (const { id, name, credentials } of await store.listAccounts()) {
    const usage = await store.readUsage(id);
    const subscriptions = await store.listSubscriptions(id);
    lines.push(JSON.stringify({ name, credentials, usage, subscriptions }));
    for (const mailbox of await store.listMailboxes(id)) {
      lines.push(JSON.stringify([mailbox, await readOpening(store, mailbox)]));
      const { expungedUids } = await readChanges(store, mailbox);
      lines.push(JSON.stringify({ expungedUids }));
      for (const message of await readAll(store, mailbox, ['internalDate', 'header'])) {
        const digest = createHash('sha256').update(await readBytes(store, message.bodyId));
        const { header, ...rest } = message;
        const headerText = header && Buffer.from(header).toString('latin1');
        lines.push(JSON.stringify({ ...rest, headerText, digest: digest.digest('hex') }));
      }
    }
  }
  return lines.join('\n');
}
