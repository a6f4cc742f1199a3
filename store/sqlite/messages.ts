import type { Flag } from '../../protocol/flag.ts';
import { type MailboxKey, type MessageKey, StoreError } from '../mail-store.ts';
import type { AddedMessage, AddedMessages, MessageTarget } from '../message-draft.ts';
import { type BodyContent, type StagedBody, addReference } from './bodies/bodies.ts';
import { expungeMessage } from './copy-and-expunge.ts';
import { deletedBit, seenBit } from './flag-words.ts';
import { noteImported } from './imports.ts';
import { defineFlags } from './keywords.ts';
import { countIn, readTarget } from './mailbox-counters.ts';
import { appendState } from './states/state-pages.ts';
import type { WriteContext } from './writer/write-context.ts';
import { type Failure, toFailure } from './writer/writer.ts';

/** What one target made of a message. */
type TargetResult = AddedMessage | { readonly failure: Failure };

/**
 * Adds a message to each of the targets, of which those that refuse are left out. A refusal of the only one is thrown: what
 * it has done goes with the request.
 *
 * @see MessageDraft.addToEach
 */
export function addMessage(
  context: WriteContext,
  {
    targets,
    content,
  }: { readonly targets: readonly MessageTarget[]; content: BodyContent | StagedBody },
): readonly TargetResult[] {
  const added = new Map<number, AddedState[]>();
  const add = (target: MessageTarget): AddedMessage => {
    const { message, state } = addToTarget(context, target, content);
    const { mailboxId } = target.box;
    added.set(mailboxId, [...(added.get(mailboxId) ?? []), state]);
    return message;
  };
  const addApart = (target: MessageTarget): TargetResult => {
    try {
      return context.apart(() => add(target));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return { failure: toFailure(error) };
    }
  };
  const results = targets.map(targets.length === 1 ? add : addApart);
  for (const [mailboxId, states] of added) noteAdded(context, mailboxId, states);
  return results;
}

/** A message that is added together with others. */
interface MessageContent extends Omit<MessageTarget, 'box' | 'occurrence'> {
  readonly content: BodyContent | StagedBody;
}

/** @see MailStore.addMessages */
export function addMessages(
  context: WriteContext,
  argument: {
    readonly box: MailboxKey;
    readonly messages: readonly MessageContent[];
    readonly replaced: MessageKey | undefined;
  },
): AddedMessages {
  const { box, messages, replaced } = argument;
  const replacedModseq = replaced && expungeMessage(context, replaced);
  const [, uidValidity] = readTarget(context, box, messages.length);
  const states = messages.map(
    ({ content, ...target }) => addToTarget(context, { ...target, box }, content).state,
  );
  noteAdded(context, box.mailboxId, states);
  return {
    uids: Uint32Array.from(states, ({ uid }) => uid),
    uidValidity,
    modseq: context.takeModseq(box.mailboxId),
    ...(replacedModseq !== undefined && { replacedModseq }),
  };
}

function noteAdded(context: WriteContext, mailboxId: number, states: readonly AddedState[]): void {
  context.noteAdded(mailboxId, states.length, () => ({
    uids: Uint32Array.from(states, ({ uid }) => uid),
    modseqs: Float64Array.from(states, ({ modseq }) => modseq),
    flags: Uint32Array.from(states.keys()),
    flagSets: states.map(({ flags }) => flags),
  }));
}

/** What is told of a message that was added. */
interface AddedState {
  readonly uid: number;
  readonly modseq: number;
  readonly flags: readonly Flag[];
}

function addToTarget(
  context: WriteContext,
  target: MessageTarget,
  content: BodyContent | StagedBody,
): { message: AddedMessage; state: AddedState } {
  const { box, internalDate, occurrence } = target;
  const { mailboxId } = box;
  // Only what else is written of the mailbox needs to know that it is there.
  if (occurrence !== undefined || target.flags.length > 0) readTarget(context, box, 1);
  if (occurrence !== undefined) {
    noteImported(context.database, mailboxId, { sha256: content.sha256, occurrence });
  }
  const { words, flags } = defineFlags(context, mailboxId, target.flags);
  const bodyId = addReference(context, content);
  const { uid, uidValidity, modseq } = countIn(context, box, [
    (words[0] & seenBit) === 0 ? 1 : 0,
    (words[0] & deletedBit) === 0 ? 0 : 1,
    content.sizeBytes,
  ]);
  context.database.run(
    'INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)',
    mailboxId,
    uid,
    bodyId,
    content.sizeBytes,
    Math.floor(internalDate.epochMs / 1000),
    internalDate.zoneMinutes,
    Math.floor(context.nowMs / 1000),
  );
  appendState(context.database, mailboxId, { uid, modseq, words });
  return { message: { uid, uidValidity, modseq }, state: { uid, modseq, flags } };
}
