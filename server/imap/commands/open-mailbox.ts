import type { KnownMailbox } from '../../../protocol/grammar/select.ts';
import type { Mailbox, MailboxStatus } from '../../../store/mail-store.ts';
import type { MailboxFeed } from '../mailbox-feed.ts';
import { MailboxView } from '../mailbox-view.ts';
import { CommandRefusedError } from '../responses.ts';
import type { Session } from '../session.ts';
import { type MissedChanges, readMissed } from './missed-changes.ts';

/** Messages among which the store looks for the first without \Seen: a millisecond. In larger mailboxes slices do it. */
const maxCountedMessages = 1_000_000;

/** A mailbox that a session has just selected. */
export interface OpenedMailbox {
  readonly view: MailboxView;
  /** Undefined if it could not be read. */
  readonly status: MailboxStatus | undefined;
  /** What the client has missed, if it has said what it knows and the messages are not loaded. */
  readonly missed: MissedChanges | undefined;
}

/** How a mailbox is opened. */
export interface OpenOptions {
  readonly isReadOnly: boolean;
  /** What the client knows of it; undefined if it has not said. */
  readonly known: KnownMailbox | undefined;
}

/** Selects a mailbox, without its messages if it can be described without. If it fails none is selected. */
export async function openMailbox(
  session: Session,
  mailbox: Mailbox,
  options: OpenOptions,
): Promise<OpenedMailbox> {
  const { feeds } = session.context;
  const feed = await feeds.acquire(mailbox);
  try {
    const status = await feed.refreshForSelect(maxCountedMessages);
    const glance = await glanceAt(session, feed, { ...options, status });
    // Nothing is awaited between this look and the view, which then is up to date while it is described.
    const isEnough = glance.isWhole && !feed.isLoaded && status?.highestModseq === feed.modseq;
    const opened = isEnough
      ? openCounted(feed, options, { ...glance, status })
      : await openLoaded(feed, options, { ...glance, status });
    session.select(opened.view);
    return opened;
  } catch (error) {
    feeds.release(feed);
    throw error;
  }
}

/** What can be told of a mailbox whose messages are not loaded. */
interface Glance {
  /** False if some of it cannot. */
  readonly isWhole: boolean;
  /** UIDs of messages that are \Recent for this session, `[firstUid, nextUid)`, and how many they are. */
  readonly recent?: { readonly uids: readonly [number, number]; readonly count: number };
  readonly missed?: MissedChanges;
}

type WithStatus = { readonly status: MailboxStatus | undefined };

async function glanceAt(
  { store }: Session,
  feed: MailboxFeed,
  { isReadOnly, known, status }: OpenOptions & WithStatus,
): Promise<Glance> {
  if (feed.isLoaded || status === undefined) return { isWhole: false };
  const { unseenCount, firstUnseenNumber, recentCount } = status;
  if (unseenCount > 0 && firstUnseenNumber === undefined) return { isWhole: false };
  if (isReadOnly && recentCount > 0) return { isWhole: false };
  const isMissing = known !== undefined && known.uidValidity === feed.uidValidity;
  const missed = isMissing ? await readMissed(store, feed.box, { known, status }) : undefined;
  if (isMissing && missed === undefined) return { isWhole: false };
  const glance = { isWhole: true, ...(missed && { missed }) };
  if (recentCount === 0) return glance;
  const uids = await feed.claimRecent();
  if (uids === undefined) return glance;
  const { counts, highestModseq } = await store.countBelow(feed.box, Uint32Array.from(uids));
  const recent = { uids, count: counts[1]! - counts[0]! };
  return { ...glance, isWhole: highestModseq === status.highestModseq, recent };
}

function openCounted(
  feed: MailboxFeed,
  { isReadOnly }: OpenOptions,
  { status, recent, missed }: Glance & WithStatus,
): OpenedMailbox {
  if (feed.ended !== undefined) throw new CommandRefusedError('NO', feed.ended.message);
  const view = new MailboxView(feed, isReadOnly, status?.messageCount);
  if (recent !== undefined) view.addRecent(...recent.uids, recent.count);
  return { view, status, missed };
}

async function openLoaded(
  feed: MailboxFeed,
  { isReadOnly }: OpenOptions,
  { status, recent }: Glance & WithStatus,
): Promise<OpenedMailbox> {
  let now = status;
  if (!feed.isLoaded) {
    await feed.load();
    now = await feed.refresh({ keywordRoom: true });
  }
  const claimed = isReadOnly ? undefined : await feed.claimRecent();
  if (feed.ended !== undefined) throw new CommandRefusedError('NO', feed.ended.message);
  const view = new MailboxView(feed, isReadOnly, now?.messageCount);
  if (isReadOnly) view.showRecent(now?.recentCount ?? 0);
  if (recent !== undefined) view.addRecent(...recent.uids);
  if (claimed !== undefined) view.addRecent(...claimed);
  return { view, status: now, missed: undefined };
}
