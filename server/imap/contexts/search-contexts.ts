import { StoreError } from '../../../store/mail-store.ts';
import { Turn } from '../../../store/turns.ts';
import { maxContextKeys, maxContexts, maxGrantedCriteriaBytes } from '../limits.ts';
import type { MailboxView } from '../mailbox-view.ts';
import type { Responses } from '../responses.ts';
import type { Session } from '../session.ts';
import type { ResultUpdates } from './result-updates.ts';
import type { SearchContext } from './search-context.ts';

/**
 * The contexts of a client in its selected mailbox, which end with it.
 *
 * @see RFC 5267, section 4.3
 */
export class SearchContexts implements ResultUpdates {
  readonly #session: Session;
  readonly #view: MailboxView;
  readonly #accountId: number;
  /** In the order in which they began, with the bytes that are taken for each. */
  readonly #contexts = new Map<SearchContext, number>();

  private constructor(session: Session) {
    this.#session = session;
    this.#view = session.view;
    this.#accountId = session.accountId;
  }

  /** Those of the selected mailbox. */
  static of(session: Session): SearchContexts {
    const { view } = session;
    if (!(view.updates instanceof SearchContexts)) view.updates = new SearchContexts(session);
    return view.updates as SearchContexts;
  }

  get count(): number {
    return this.#contexts.size;
  }

  /** True if a context began with a command of this tag. */
  has(tag: string): boolean {
    return this.#find(tag) !== undefined;
  }

  /** Adds a context; false if there are too many, or if those of the account take too much. */
  add(context: SearchContext): boolean {
    const { sizeBytes } = context;
    const { contextBudget } = this.#session.context;
    const hasRoom = contextBudget.hasRoom(this.#accountId, sizeBytes);
    const isGranted = this.count === 0 && isGrantable(context);
    if (this.count >= maxContexts || !(hasRoom || isGranted)) return false;
    if (this.#keyCount + context.keyCount > maxContextKeys) return false;
    contextBudget.take(this.#accountId, sizeBytes);
    this.#contexts.set(context, sizeBytes);
    return true;
  }

  /** Ends the contexts that began with commands of these tags; returns a tag that none has, and then ends none. */
  cancel(tags: readonly string[]): string | undefined {
    const unknown = tags.find((tag) => !this.has(tag));
    if (unknown !== undefined) return unknown;
    for (const tag of tags) this.#end(this.#find(tag));
    return undefined;
  }

  get hasNews(): boolean {
    const nowMs = this.#session.context.clock();
    return [...this.#contexts.keys()].some((context) => context.hasNews(nowMs));
  }

  letGo(): void {
    for (const context of this.#contexts.keys()) context.letGo();
  }

  async tellGone(out: Responses, gone: Uint32Array): Promise<void> {
    const turn = new Turn(out);
    for (const context of this.#contexts.keys()) {
      await context.tellGone(this.#targetOf(context, out, turn), gone);
    }
  }

  async tellChanged(out: Responses): Promise<void> {
    const { store, context } = this.#session;
    const turn = new Turn(out);
    const judging = { view: this.#view, store, nowMs: context.clock(), turn };
    for (const each of this.#contexts.keys()) {
      if (turn.look()) await turn.next();
      try {
        await each.tellChanged(this.#targetOf(each, out, turn), judging);
        this.#recount(each, out);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        this.#giveUp(each, out, error);
      }
    }
  }

  close(): void {
    for (const context of this.#contexts.keys()) this.#end(context);
  }

  /** Takes what a context has grown by since it began; it ends if those of the account take too much by that. */
  #recount(context: SearchContext, out: Responses): void {
    const before = this.#contexts.get(context);
    const { sizeBytes } = context;
    if (before === undefined || before === sizeBytes) return;
    const { contextBudget } = this.#session.context;
    contextBudget.take(this.#accountId, sizeBytes - before);
    this.#contexts.set(context, sizeBytes);
    const isGranted = this.count === 1 && isGrantable(context);
    if (sizeBytes < before || contextBudget.hasRoom(this.#accountId, 0) || isGranted) return;
    this.#end(context);
    const { tag } = context.search;
    out.status('*', 'NO', 'Too many results of searches with updates', `NOUPDATE "${tag}"`);
  }

  get #keyCount(): number {
    return [...this.#contexts.keys()].reduce((sum, { keyCount }) => sum + keyCount, 0);
  }

  #find(tag: string): SearchContext | undefined {
    for (const context of this.#contexts.keys()) if (context.search.tag === tag) return context;
    return undefined;
  }

  #end(context: SearchContext | undefined): void {
    if (context === undefined) return;
    const bytes = this.#contexts.get(context);
    if (bytes === undefined) return;
    this.#contexts.delete(context);
    this.#session.context.contextBudget.take(this.#accountId, -bytes);
  }

  #targetOf({ search }: SearchContext, out: Responses, turn: Turn) {
    // Who has enabled UIDONLY since does without message sequence numbers (RFC 9586, section 3).
    const isUid = search.isUid || this.#session.isUidOnly;
    return { view: this.#view, out, turn, tag: search.tag, isUid };
  }

  /** The store cannot say what has changed: the client is told that it has to search again. */
  #giveUp(context: SearchContext, out: Responses, error: StoreError): void {
    const { tag } = context.search;
    this.#end(context);
    this.#session.log('error', { err: error, tag }, 'context cannot be updated');
    out.status('*', 'NO', 'The mail store cannot be read; updates end', `NOUPDATE "${tag}"`);
  }
}

/** Each client may have one of these: a search whose criteria are not long (RFC 5267, section 4.3.1). */
function isGrantable({ search, criteriaBytes }: SearchContext): boolean {
  return criteriaBytes <= maxGrantedCriteriaBytes && search.keys === undefined;
}
