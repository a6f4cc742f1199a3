import { setImmediate } from 'node:timers/promises';
import { lowerBound } from '../../protocol/sequence-set.ts';
import { limits } from '../limits.ts';
import type { MailboxChanges, MessageStates } from '../mailbox-changes.ts';
import type { MessageColumn, MessageLinks, MessageRows, SortText } from '../message-rows.ts';
import type { SortKeys } from '../sort-keys.ts';
import { joinUsualFields } from '../usual-fields.ts';
import type { Body } from './bodies.ts';
import type { MemoryMailbox } from './mailbox.ts';
import { type Message, toStates, uidsOf } from './message.ts';

/** The mailbox that is read, looked up again in each turn. `NONEXISTENT` once it is gone. */
type FindMailbox = () => MemoryMailbox;

/** @see MailStore.readStates */
export async function* readStates(
  findMailbox: FindMailbox,
  afterUid: number,
): AsyncGenerator<MessageStates> {
  let after = afterUid;
  // Ends: each slice begins behind the last UID of the one before.
  for (;;) {
    const messages = findMailbox().slice(after, limits.sliceMessages);
    if (messages.length > 0) yield toStates(messages);
    if (messages.length < limits.sliceMessages) return;
    after = messages.at(-1)!.uid;
    await setImmediate();
  }
}

/** @see MailStore.readChanges */
export async function* readChanges(
  findMailbox: FindMailbox,
  since: number,
  until: number,
): AsyncGenerator<MailboxChanges> {
  let from = since;
  // Ends when nothing has changed while the changes were read.
  for (;;) {
    const end = Math.min(until, findMailbox().status.highestModseq);
    if (end <= from) return;
    yield* readRange(findMailbox, from, end);
    from = end;
  }
}

/** Changes up to a modseq that the mailbox has reached. */
async function* readRange(
  findMailbox: FindMailbox,
  since: number,
  until: number,
): AsyncGenerator<MailboxChanges> {
  const isWanted = ({ modseq }: { readonly modseq: number }) => modseq > since && modseq <= until;
  // The order by UID stays where modseqs are equal.
  const changed = findMailbox()
    .messages.filter(isWanted)
    .toSorted((a, b) => a.modseq - b.modseq);
  const expunged = findMailbox().expungedSince(since).filter(isWanted);
  let [changedEnd, expungedEnd] = [0, 0];
  while (changedEnd < changed.length || expungedEnd < expunged.length) {
    const [changedStart, expungedStart] = [changedEnd, expungedEnd];
    findMailbox().expungedSince(since);
    for (let count = 0; count < limits.sliceMessages; count++) {
      const next = changed[changedEnd];
      // What is gone or has changed again has a modseq past `until`; the filter below drops it.
      const nextModseq = next === undefined || isWanted(next) ? next?.modseq : 0;
      const nextExpunged = expunged[expungedEnd]?.modseq;
      if ((nextModseq ?? Infinity) <= (nextExpunged ?? Infinity)) changedEnd += 1;
      else expungedEnd += 1;
    }
    const messages = toStates(changed.slice(changedStart, changedEnd).filter(isWanted));
    const expungedUids = uidsOf(expunged.slice(expungedStart, expungedEnd));
    if (messages.uids.length + expungedUids.length > 0) yield { messages, expungedUids };
    await setImmediate();
  }
}

/** @see MailStore.rows */
export async function* readRows(
  findMailbox: FindMailbox,
  uids: Uint32Array,
  columns: ReadonlySet<MessageColumn>,
): AsyncGenerator<MessageRows> {
  let position = 0;
  // Ends: each batch goes on behind the last UID of the one before.
  while (position < uids.length) {
    const batchUids = uids.subarray(position, position + limits.batchRows);
    const messages = findMailbox().select(batchUids);
    const count = countInBatch(messages, columns);
    const lastUid = count < messages.length ? messages[count - 1]!.uid : batchUids.at(-1)!;
    position = lowerBound(uids, uids.length, lastUid + 1);
    if (count > 0) yield toRows(messages.slice(0, count), columns);
  }
}

/** How many of the messages a batch of bounded size has: at least one, if there is one. */
function countInBatch(messages: readonly Message[], columns: ReadonlySet<MessageColumn>): number {
  let bytes = 0;
  for (let index = 0; index < messages.length; index++) {
    const { body } = messages[index]!;
    const { facts } = body;
    if (columns.has('envelope')) bytes += facts.envelope.length;
    if (columns.has('bodyStructure')) bytes += facts.bodyStructure.length;
    // About as much as its text.
    if (columns.has('structure')) bytes += facts.bodyStructure.length;
    if (columns.has('usualFields')) bytes += body.usualFields?.length ?? 0;
    if (columns.has('header')) bytes += body.header?.length ?? 0;
    if (bytes >= limits.batchBytes) return index + 1;
  }
  return messages.length;
}

function toRows(messages: readonly Message[], columns: ReadonlySet<MessageColumn>): MessageRows {
  const bodies = messages.map(({ body }) => body);
  const headerBytesOf = ({ facts, usualFields }: Body) =>
    columns.has('header') || !usualFields?.length ? facts.headerBytes : -1;
  return {
    uids: uidsOf(messages),
    sizeBytes: Uint32Array.from(bodies, ({ facts }) => facts.sizeBytes),
    bodyIds: Float64Array.from(bodies, ({ id }) => id),
    ...(columns.has('internalDate') && {
      internalSeconds: Float64Array.from(messages, internalSecondsOf),
      zoneMinutes: Int16Array.from(messages, ({ internalDate }) => internalDate.zoneMinutes),
    }),
    ...(columns.has('savedDate') && {
      savedSeconds: Float64Array.from(messages, ({ savedMs }) => Math.floor(savedMs / 1000)),
    }),
    ...(columns.has('emailId') && { emailIds: messages.map(emailIdOf) }),
    ...(columns.has('threadId') && { threadIds: bodies.map(threadIdOf) }),
    ...(columns.has('sortKeys') && { sortKeys: bodies.map(({ sortKeys }) => sortKeys) }),
    ...(columns.has('sentDate') && {
      sentSeconds: Float64Array.from(bodies, ({ sortKeys }) => sortKeys.sentSeconds ?? NaN),
    }),
    ...sortTextsOf(bodies, columns),
    ...(columns.has('links') && { links: linksOf(bodies) }),
    ...(columns.has('envelope') && { envelopes: bodies.map(({ facts }) => facts.envelope) }),
    ...(columns.has('bodyStructure') && {
      bodyStructures: bodies.map(({ facts }) => facts.bodyStructure),
    }),
    ...(columns.has('structure') && {
      structures: bodies.map(({ structure }) => structure),
    }),
    ...((columns.has('usualFields') || columns.has('header')) && {
      headerBytes: Int32Array.from(bodies, headerBytesOf),
    }),
    ...(columns.has('usualFields') && {
      usualFields: joinUsualFields(bodies.map(({ usualFields }) => usualFields)),
    }),
    ...(columns.has('header') && { headers: bodies.map(({ header }) => header?.slice()) }),
  };
}

const sortTexts: readonly (readonly [column: SortText, textOf: (keys: SortKeys) => string])[] = [
  ['baseSubject', (keys) => keys.baseSubject],
  ['sortFrom', (keys) => keys.from],
  ['sortTo', (keys) => keys.to],
  ['sortCc', (keys) => keys.cc],
  ['displayFrom', (keys) => keys.displayFrom],
  ['displayTo', (keys) => keys.displayTo],
];

function sortTextsOf(
  bodies: readonly Body[],
  columns: ReadonlySet<MessageColumn>,
): Pick<MessageRows, 'sortTexts'> {
  const wanted = sortTexts.filter(([column]) => columns.has(column));
  if (wanted.length === 0) return {};
  const texts = wanted.map(
    ([column, textOf]) => [column, bodies.map(({ sortKeys }) => textOf(sortKeys))] as const,
  );
  return { sortTexts: Object.fromEntries(texts) };
}

function linksOf(bodies: readonly Body[]): MessageLinks {
  return {
    messageIds: bodies.map(({ sortKeys }) => sortKeys.messageId ?? ''),
    references: bodies.map(({ sortKeys }) => sortKeys.references.join('')),
    isReplyOrForward: Uint8Array.from(bodies, ({ sortKeys }) =>
      sortKeys.isReplyOrForward ? 1 : 0,
    ),
  };
}

function internalSecondsOf({ internalDate: { epochMs } }: Message): number {
  return Math.floor(epochMs / 1000);
}

/** Of a message that follows none, and has no id, the digest stands for the id. */
export function threadIdOf({ facts, sortKeys: { references, messageId } }: Body): string {
  const digest = Buffer.from(facts.sha256.subarray(0, 8)).toString('hex');
  return `T${references[0] ?? messageId ?? digest}`;
}

/** As much of the digest as tells contents apart, and the internal date. */
export function emailIdOf(message: Message): string {
  const digest = Buffer.from(message.body.facts.sha256.subarray(0, 16)).toString('hex');
  return `M${digest}-${internalSecondsOf(message)}-${message.internalDate.zoneMinutes}`;
}
