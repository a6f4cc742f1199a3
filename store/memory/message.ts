import type { InternalDate } from '../../protocol/dates.ts';
import type { MessageStates } from '../mailbox-changes.ts';
import type { Body } from './bodies.ts';
import type { FlagSet } from './mailbox-flags.ts';

/** A message in a mailbox. */
export interface Message {
  readonly uid: number;
  readonly body: Body;
  readonly internalDate: InternalDate;
  /** When it came into this mailbox, by the store's clock. */
  readonly savedMs: number;
  /** Of its last change; of its expunge once it is gone. */
  modseq: number;
  flags: FlagSet;
}

/** The states of messages as columns. */
export function toStates(messages: readonly Message[]): MessageStates {
  const numbers = new Map<FlagSet, number>();
  const flags = new Uint32Array(messages.length);
  const modseqs = new Float64Array(messages.length);
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index]!;
    let number = numbers.get(message.flags);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(message.flags, number);
    }
    flags[index] = number;
    modseqs[index] = message.modseq;
  }
  const flagSets = Array.from(numbers.keys(), ({ flags: listed }) => listed);
  return { uids: uidsOf(messages), modseqs, flags, flagSets };
}

/** Their UIDs. */
export function uidsOf(messages: readonly { readonly uid: number }[]): Uint32Array {
  const uids = new Uint32Array(messages.length);
  for (let index = 0; index < messages.length; index++) uids[index] = messages[index]!.uid;
  return uids;
}
