import type { Criterion } from './client-command.ts';
import type { MirrorEntry } from './client-mirror.ts';
import type { UpdateResponse } from './server-responses.ts';

/** A search whose results the client follows by what it is told of them. */
export interface FollowedSearch {
  readonly criterion: Criterion;
  readonly isUid: boolean;
  /** Of a sorted one: by subjects. */
  readonly order?: 'SUBJECT' | 'REVERSE SUBJECT';
}

/** A result as the client knows it: a message that it counts, or a UID. */
export type Result = MirrorEntry | number;

/** What a client makes of the results of one search. */
export interface MirrorContext {
  readonly search: FollowedSearch;
  readonly results: Result[];
  /** The messages that had the numbers in the criterion when it was sent. */
  readonly numbered: ReadonlyMap<Criterion, ReadonlySet<MirrorEntry | undefined>>;
}

/** The searches that one client follows in its selected mailbox. @see RFC 5267, section 4.3 */
export class MirrorContexts {
  readonly #byTag = new Map<string, MirrorContext>();
  /** Tags of searches that the server may go on to update, and the client does not follow. */
  readonly #lost = new Set<string>();

  /** By the tags of their commands. */
  get all(): ReadonlyMap<string, MirrorContext> {
    return this.#byTag;
  }

  /** The client is answered what its search has found. */
  begin(
    tag: string,
    search: FollowedSearch,
    numbers: readonly number[],
    entries: readonly MirrorEntry[],
  ): void {
    const results = numbers.map((number) => (search.isUid ? number : entries[number - 1]!));
    const numbered = new Map(
      numberCriteria(search.criterion).map((criterion) => [
        criterion,
        new Set(criterion.numbers.map((number) => entries[number - 1])),
      ]),
    );
    this.#byTag.set(tag, { search, results, numbered });
  }

  /** The client asks the server to tell no more of a search: until that is answered it may or may not be told. */
  cancel(tag: string): void {
    this.#byTag.delete(tag);
    this.#lost.add(tag);
  }

  /** The server no longer tells of a search. */
  end(tag: string): void {
    this.#byTag.delete(tag);
    this.#lost.delete(tag);
  }

  /** The client cannot tell any more which message has which number. */
  endNumbered(): void {
    for (const [tag, { search, numbered }] of this.#byTag) {
      if (search.isUid && numbered.size === 0) continue;
      this.cancel(tag);
    }
  }

  /** A message goes; what is wrong with that, if the client still has it among results by number. */
  expunge(entry: MirrorEntry): string | undefined {
    for (const [tag, { search, results }] of this.#byTag) {
      if (search.isUid || !results.includes(entry)) continue;
      this.#byTag.delete(tag);
      return `${tag}: UID ${entry.uid} goes and is still among the results`;
    }
    return undefined;
  }

  /** Takes an update; what is wrong with it, if something is. */
  update(
    { tag, isUid, changes }: UpdateResponse,
    entries: readonly MirrorEntry[],
  ): string | undefined {
    if (this.#lost.has(tag)) return undefined;
    const context = this.#byTag.get(tag);
    if (context === undefined) return `${tag}: an update of what is not followed`;
    const { search, results } = context;
    if (isUid !== search.isUid) return `${tag}: an update of ${isUid ? 'UIDs' : 'numbers'}`;
    for (const { name, position, numbers } of changes) {
      const named = numbers.map((number) => (isUid ? number : entries[number - 1]));
      const where = `${tag}: ${name} ${position} ${numbers.join(',')}`;
      if (named.includes(undefined)) return `${where}: no such number`;
      if (position === 0 && search.order !== undefined) return `${where}: without a position`;
      const apply = name === 'ADDTO' ? addResults : removeResults;
      if (!apply(results, position, named as Result[])) return `${where} does not fit`;
    }
    return undefined;
  }
}

/** Inserts results; false if some are there, or the position is not. */
function addResults(results: Result[], position: number, added: readonly Result[]): boolean {
  if (position > results.length + 1 || added.some((each) => results.includes(each))) return false;
  results.splice(position === 0 ? results.length : position - 1, 0, ...added);
  return true;
}

/** Removes results; false if they do not stand there. */
function removeResults(results: Result[], position: number, removed: readonly Result[]): boolean {
  return removed.every((each) => {
    const index = position === 0 ? results.indexOf(each) : position - 1;
    if (index === -1 || results[index] !== each) return false;
    results.splice(index, 1);
    return true;
  });
}

function numberCriteria(criterion: Criterion): Extract<Criterion, { key: 'numbers' }>[] {
  switch (criterion.key) {
    case 'numbers':
      return [criterion];
    case 'not':
      return numberCriteria(criterion.operand);
    case 'or':
    case 'and':
      return [...numberCriteria(criterion.left), ...numberCriteria(criterion.right)];
    default:
      return [];
  }
}
