import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Body, BodyPool } from './bodies.ts';
import type { FlagSet } from './mailbox-flags.ts';
import type { MemoryMailbox } from './mailbox.ts';
import type { Message } from './message.ts';

/**
 * Compares what is counted with what there is, and bodies with their digests, one mailbox or body a turn.
 *
 * @see MailStore.checkIntegrity
 */
export async function findFaults(
  mailboxes: Iterable<MemoryMailbox>,
  bodies: BodyPool,
): Promise<string[]> {
  const faults: string[] = [];
  const messageCounts = new Map<Body, number>();
  // All in one turn: what is counted must not change meanwhile.
  for (const mailbox of mailboxes) {
    for (const { body } of mailbox.messages) {
      messageCounts.set(body, (messageCounts.get(body) ?? 0) + 1);
    }
    faults.push(...mailboxFaults(mailbox).map((fault) => `Mailbox ${mailbox.id} ${fault}`));
  }
  const inUse = [...bodies.inUse()];
  for (const { body, messageCount } of inUse) {
    if (messageCounts.get(body) === messageCount) continue;
    faults.push(`Body ${body.id} counts ${messageCount} messages`);
  }
  if (inUse.length !== messageCounts.size) faults.push('Messages have bodies that are not kept');
  for (const { body } of inUse) {
    await setImmediate();
    if (!hasDigest(body)) faults.push(`Body ${body.id} has not its bytes any more`);
  }
  return faults;
}

function mailboxFaults(mailbox: MemoryMailbox): string[] {
  const { messages, status, flagSets } = mailbox;
  const faults: string[] = [];
  const counted = {
    unseenCount: messages.filter(({ flags }) => !flags.isSeen).length,
    deletedCount: messages.filter(({ flags }) => flags.isDeleted).length,
    sizeBytes: messages.reduce((sum, { body }) => sum + body.facts.sizeBytes, 0),
  };
  for (const [name, count] of Object.entries(counted) as [keyof typeof counted, number][]) {
    if (status[name] !== count) faults.push(`says ${name} ${status[name]}, which is ${count}`);
  }
  if (!areInOrder(messages, status.uidNext)) faults.push('has UIDs out of order');
  if (messages.some(({ modseq }) => modseq > status.highestModseq)) {
    faults.push('has a modseq above its highest');
  }
  const bySet = new Map<FlagSet, number>();
  for (const { flags } of messages) bySet.set(flags, (bySet.get(flags) ?? 0) + 1);
  for (const [set, count] of bySet) {
    if (flagSets.messageCountOf(set) !== count) faults.push(`miscounts "${set.flags.join(' ')}"`);
  }
  return faults;
}

function areInOrder(messages: readonly Message[], uidNext: number): boolean {
  let last = 0;
  for (const { uid } of messages) {
    if (uid <= last || uid >= uidNext) return false;
    last = uid;
  }
  return true;
}

function hasDigest(body: Body): boolean {
  const digest = createHash('sha256');
  for (const chunk of body.read(0, Infinity)) digest.update(chunk);
  return digest.digest().equals(body.facts.sha256);
}
