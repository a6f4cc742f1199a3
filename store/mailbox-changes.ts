import type { Flag } from '../protocol/flag.ts';

/** UIDs, modseqs and flags of several messages, as columns of equal length. Whoever receives them may keep them. */
export interface MessageStates {
  readonly uids: Uint32Array;
  readonly modseqs: Float64Array;
  /** For each message, the place of its flags in `flagSets`. */
  readonly flags: Uint32Array;
  /** Without \Recent, which belongs to a session. System flags first; keywords in the spelling of their first use. */
  readonly flagSets: readonly (readonly Flag[])[];
}

/** Part of what changed in a mailbox after a modseq, net: a message that came and went is only in `expungedUids`. */
export interface MailboxChanges {
  /** Messages that came or changed, without those that are gone again. */
  readonly messages: MessageStates;
  readonly expungedUids: Uint32Array;
}

/** One commit in a mailbox, as it is told to those who watch it. */
export type MailboxEvent =
  | {
      readonly kind: 'changed';
      /** The modseq of the change: one above that of the event before. */
      readonly modseq: number;
      /** Messages that came or changed, ascending by UID. */
      readonly messages: MessageStates;
      /** Ascending. */
      readonly expungedUids: Uint32Array;
    }
  | {
      /** As `changed`, but of so many messages that they are not told: {@link MailStore.readChanges} reads them. */
      readonly kind: 'changed-much';
      readonly modseq: number;
    }
  /** The mailbox is deleted. The last event. */
  | { readonly kind: 'gone' };

/** Must be quick: others wait for it. */
export type MailboxListener = (event: MailboxEvent) => void;
