import type { MailboxFilter } from '../../../protocol/mailbox-filter.ts';
import { takesMailbox } from '../../../protocol/mailbox-filter.ts';
import { noUids } from '../../../protocol/sorted-uids.ts';
import { type Mailbox, StoreError } from '../../../store/mail-store.ts';
import { Relevancies } from '../../../store/relevancies.ts';
import { Turn } from '../../../store/turns.ts';
import { prepareContext } from '../contexts/begin-context.ts';
import type { CommandHandler } from '../dispatch.ts';
import type { MailboxFeed } from '../mailbox-feed.ts';
import { MailboxView } from '../mailbox-view.ts';
import { completeWithin, searchWithinLimit } from '../message-limit.ts';
import { answerExtended } from '../search-response.ts';
import type { SearchScope } from '../search-scope.ts';
import type { Session } from '../session.ts';
import { expectKnownCharset, findMatching, usesModseq } from './search.ts';

/** Mailboxes whose names are compared with filters before others run: a millisecond. */
const sliceMailboxes = 512;

/**
 * Searches mailboxes one after the other, and answers for each before the next one is read. Names that are not those of mailboxes
 * of the account are passed over without a word, whosever they are.
 *
 * @see RFC 7377, section 2
 */
export const searchMailboxes: CommandHandler<'ESEARCH'> = async (session, command, request) => {
  const { sources, returned, criteria } = command;
  const isOfSelected = sources.some(({ kind }) => kind === 'selected');
  // Who has selected none is refused.
  if (isOfSelected || returned.isUpdated === true) await session.view.load();
  else await session.selected?.load();
  expectKnownCharset(command);
  if (usesModseq(criteria)) session.enableCondstore();
  const question = { command, tag: request.tag };
  try {
    const { outcome, isLimited } = await searchEach(session, question);
    const limitCode = isLimited ? (`MESSAGELIMIT ${session.messageLimit}` as const) : undefined;
    return completeWithin(session, { text: `ESEARCH ${outcome}` }, limitCode);
  } catch (error) {
    // A search that was to be saved and is refused leaves nothing (RFC 5182, section 2.1).
    if (returned.items.has('SAVE')) session.view.savedUids = noUids;
    throw error;
  }
};

/** What each of the mailboxes is searched for. */
interface Question {
  readonly command: Parameters<typeof searchMailboxes>[1];
  readonly tag: string;
}

/** What is known when all have been searched. */
interface Searched {
  /** How the command is answered. */
  readonly outcome: string;
  /** True if a mailbox has more messages than one command may be about. */
  readonly isLimited: boolean;
}

async function searchEach(session: Session, question: Question): Promise<Searched> {
  const { selected, out } = session;
  const turn = new Turn(out);
  let outcome: string | undefined;
  let isLimited = false;
  const mailboxes = await findSources(session, question.command.sources, turn);
  for (const [doneCount, mailbox] of mailboxes.entries()) {
    session.countProgress(doneCount, mailboxes.length);
    if (mailbox.mailboxId === selected?.box.mailboxId) {
      const searched = await searchSelected(session, mailbox, question);
      outcome = searched.outcome;
      isLimited ||= searched.isLimited;
    } else isLimited = (await searchOther(session, mailbox, question)) || isLimited;
    await turn.next();
  }
  const isUnheard = question.command.returned.isUpdated === true && outcome === undefined;
  if (!isUnheard) return { outcome: outcome ?? 'completed', isLimited };
  out.status('*', 'NO', 'The selected mailbox is not searched', `NOUPDATE "${question.tag}"`);
  return { outcome: 'completed, will not notify', isLimited };
}

/** The mailboxes that a filter takes and that have messages, in the order of their names. */
async function findSources(
  { store, accountId, selected }: Session,
  sources: readonly MailboxFilter[],
  turn: Turn,
): Promise<Mailbox[]> {
  const mailboxes = await store.listMailboxes(accountId);
  const isOfSelected = sources.some(({ kind }) => kind === 'selected');
  const isOfSubscribed = sources.some(({ kind }) => kind === 'subscribed');
  const subscribed = new Set(isOfSubscribed ? await store.listSubscriptions(accountId) : []);
  const found: Mailbox[] = [];
  for (const [index, mailbox] of mailboxes.entries()) {
    if (index % sliceMailboxes === sliceMailboxes - 1) await turn.next();
    const { name, mailboxId, isSelectable } = mailbox;
    const filtered = { name, isSubscribed: subscribed.has(name) };
    const isTaken =
      (isOfSelected && mailboxId === selected?.box.mailboxId) ||
      sources.some((source) => takesMailbox(source, filtered));
    if (isTaken && isSelectable) found.push(mailbox);
  }
  return found;
}

/** Searches what the client knows of the mailbox that it has selected; without updates its outcome is no other than any. */
async function searchSelected(
  session: Session,
  mailbox: Mailbox,
  question: Question,
): Promise<{ readonly outcome: string | undefined; readonly isLimited: boolean }> {
  const beginContext = await prepareContext(session, question.command, question.tag);
  const { uids, isLimited } = await searchOne(session, mailbox, question);
  return { outcome: await beginContext?.(uids), isLimited };
}

/** Searches a mailbox as it is now; one that goes meanwhile has no answer. True if it has more messages than the limit. */
async function searchOther(
  session: Session,
  mailbox: Mailbox,
  question: Question,
): Promise<boolean> {
  const { feeds } = session.context;
  let feed: MailboxFeed | undefined;
  let view: MailboxView | undefined;
  try {
    feed = await feeds.borrow(mailbox);
    await feed.load();
    // Its events may be behind those of a command that this client was answered to.
    await feed.refresh();
    if (feed.ended !== undefined) return false;
    view = new MailboxView(feed, true);
    const { store, out, context, messageLimit } = session;
    const scope = { view, store, out, context, messageLimit };
    return (await searchOne(scope, mailbox, question)).isLimited;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'NONEXISTENT') return false;
    throw error;
  } finally {
    view?.close();
    if (feed !== undefined) feeds.release(feed);
  }
}

/** Searches a mailbox, and answers if something was found. */
async function searchOne(
  scope: SearchScope,
  { name }: Mailbox,
  { command, tag }: Question,
): Promise<{ readonly uids: Uint32Array; readonly isLimited: boolean }> {
  const { returned } = command;
  const { command: within, limitCode } = searchWithinLimit(scope, command);
  const relevancies = new Relevancies();
  const uids = await findMatching(scope, within, relevancies);
  const source = { name, uidValidity: scope.view.feed.uidValidity };
  if (uids.length > 0) {
    const hasModseq = usesModseq(command.criteria);
    const found = { uids, isUid: true, hasModseq, relevancies };
    await answerExtended(scope, found, { tag, returned, source });
  } else if (returned.items.has('SAVE')) scope.view.savedUids = noUids;
  return { uids, isLimited: limitCode !== undefined };
}
