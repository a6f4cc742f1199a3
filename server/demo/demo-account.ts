import { randomBytes } from 'node:crypto';
import type { MailStore } from '../../store/mail-store.ts';
import { makeCredentials } from '../authentication/make-credentials.ts';
import { demoMessages } from './demo-messages.ts';

/** Name of the account that a first `npm start` makes. */
export const demoUserName = 'demo';

/**
 * Makes the demo account with a few messages in its INBOX where the store has no account at all; its
 * password, which is kept nowhere else. Undefined where there are accounts already.
 */
export async function addDemoAccount(store: MailStore): Promise<string | undefined> {
  if ((await store.listAccounts()).length > 0) return undefined;
  // 96 bits, in letters and digits that a person can type.
  const password = randomBytes(12).toString('hex');
  const account = await store.createAccount(demoUserName, await makeCredentials(password));
  const inbox = await store.findMailbox(account.id, 'INBOX');
  if (inbox === undefined) throw new Error('Cannot find the INBOX of a new account');
  for (const { text, flags, epochMs } of demoMessages(Date.now())) {
    const draft = store.beginMessage();
    await draft.write(Buffer.from(text));
    await draft.addTo(inbox, { flags, internalDate: { epochMs, zoneMinutes: 0 } });
  }
  return password;
}
