import { MirrorContexts, type FollowedSearch } from './mirror-contexts.ts';
import type { ModelMailbox } from './mailbox-model.ts';
import type { Problem, Rule } from './rules.ts';
import type {
  FetchResponse,
  FlagText,
  SearchResponse,
  ServerResponse,
  UpdateResponse,
  VanishedResponse,
} from './server-responses.ts';

/** What a client believes of one message; undefined is what it was not told. */
export interface MirrorEntry {
  uid: number | undefined;
  flags: FlagText | undefined;
  modseq: number | undefined;
  isRecent: boolean | undefined;
  /** The state of the model's message that the client was told last, or a later one. */
  seenState: number;
}

/** Something that a client was told and that only the model can check. */
export type ToldFact =
  | {
      readonly kind: 'fetch';
      readonly command: number;
      readonly entry: MirrorEntry;
      readonly response: FetchResponse;
    }
  | { readonly kind: 'expunged'; readonly command: number; readonly entry: MirrorEntry }
  | {
      readonly kind: 'exists';
      readonly command: number;
      readonly count: number;
      /** The largest UID that the client knew, 0 for none, and how many messages it knows beyond that. */
      readonly lastUid: number;
      readonly unknownCount: number;
    }
  | {
      readonly kind: 'search';
      readonly command: number;
      readonly response: SearchResponse;
      /** The messages by number as the client knew them at that time. */
      readonly view: readonly MirrorEntry[];
    };

/** What the server is doing while a response comes. */
export interface ResponseContext {
  /** Index of the command in its burst; -1 for what comes before the first or without any. */
  readonly command: number;
  /** True while a command runs, IDLE included. */
  readonly isRunning: boolean;
  /** True for FETCH, STORE and SEARCH by message sequence number. */
  readonly usesNumbers: boolean;
  /** True for SELECT and EXAMINE: EXISTS begins the view. */
  readonly isOpening: boolean;
  /** True for UID SEARCH, whose result is no message sequence numbers. */
  readonly isUidSearch: boolean;
  /** True for SEARCH whose result is saved. */
  readonly isSaving: boolean;
  /** The search, if the client follows its results. */
  readonly followed: FollowedSearch | undefined;
}

/**
 * What one client believes of the mailbox it has selected, made of nothing but the responses it was sent. It
 * sees what is wrong in itself; what only the truth can show, it hands on as facts.
 */
export class ClientMirror {
  /** A number of its own for each SELECT. */
  readonly selection: number;
  readonly isReadOnly: boolean;
  /** The mailbox of the model; undefined until it is known which one the name stood for. */
  mailbox: ModelMailbox | undefined;
  readonly entries: MirrorEntry[] = [];
  /** What the last search that was saved found; undefined if the client cannot tell. */
  #saved: readonly MirrorEntry[] | undefined = [];
  /** Undefined until it is told. */
  uidValidity: number | undefined;
  /** What the client keeps as the highest modseq (RFC 7162, section 6); undefined until it is told. */
  highestModseq: number | undefined;
  /** What it was told since the last tagged response. */
  #highestInCode: number | undefined;
  #highestInFetch = 0;
  /** What the client knew of the mailbox when it left it, until it is clear what of that is gone. */
  #cache: ClientMirror | undefined;
  readonly #vanished = new Set<number>();
  /** True for a client of UIDONLY, which counts messages and knows no order of those whose UIDs it does not know: they are last. */
  readonly isUidOnly: boolean;
  /** Of these none has a UID up to it. */
  #knownUpTo = 0;
  /** The searches that the client follows. */
  readonly contexts = new MirrorContexts();
  #facts: ToldFact[] = [];
  #problems: Problem[] = [];

  /** @param options `cache`: what a client knows that comes back with QRESYNC */
  constructor(
    selection: number,
    isReadOnly: boolean,
    {
      cache,
      isUidOnly = false,
    }: { readonly cache?: ClientMirror; readonly isUidOnly?: boolean } = {},
  ) {
    this.selection = selection;
    this.isReadOnly = isReadOnly;
    this.#cache = cache;
    this.isUidOnly = isUidOnly;
  }

  /** A HIGHESTMODSEQ or UIDVALIDITY response code; others are passed over. */
  takeCode(code: string): void {
    const [name, value] = code.split(' ');
    if (name === 'HIGHESTMODSEQ') this.#highestInCode = Number(value);
    if (name === 'UIDVALIDITY') this.uidValidity = Number(value);
    if (name === 'NOUPDATE') this.contexts.end(value!.replaceAll('"', ''));
  }

  /** A command is answered: the client keeps what it was told of modseqs, and all of SELECT has come. */
  endCommand(): void {
    this.#useCache();
    const known = Math.max(this.highestModseq ?? 0, this.#highestInFetch);
    this.highestModseq = this.#highestInCode ?? known;
    this.#highestInCode = undefined;
    this.#highestInFetch = 0;
  }

  /** Facts since the last call, in order. */
  takeFacts(): readonly ToldFact[] {
    const facts = this.#facts;
    this.#facts = [];
    return facts;
  }

  /** Problems since the last call. */
  takeProblems(): readonly Problem[] {
    const problems = this.#problems;
    this.#problems = [];
    return problems;
  }

  /** The entry of a UID, if the client knows where it stands. */
  find(uid: number): MirrorEntry | undefined {
    return this.entries.find((entry) => entry.uid === uid);
  }

  /**
   * The messages that `$` stands for: those of the last search that was saved that are not expunged. Undefined if the client
   * does not know them all.
   */
  get savedEntries(): readonly MirrorEntry[] | undefined {
    const saved = this.#saved?.filter((entry) => this.entries.includes(entry));
    return saved?.some(({ uid }) => uid === undefined) === true ? undefined : saved;
  }

  /** The entries up to the first of which the client does not know the UID: of no others it can keep anything. */
  get knownEntries(): readonly MirrorEntry[] {
    const end = this.entries.findIndex(({ uid }) => uid === undefined);
    return end === -1 ? this.entries : this.entries.slice(0, end);
  }

  /** Takes one response that concerns the mailbox; others are passed over. */
  take(response: ServerResponse, context: ResponseContext): void {
    switch (response.kind) {
      case 'exists':
        return this.#takeExists(response.count, context);
      case 'expunge':
        return this.#takeExpunge(response.number, context);
      case 'vanished':
        return response.isEarlier
          ? this.#takeEarlier(response, context)
          : this.#takeVanished(response, context);
      case 'fetch':
        return this.#takeFetch(response, context);
      case 'search':
        return this.#takeSearch(response, context);
      case 'update':
        return this.#takeUpdate(response);
      default:
    }
  }

  /** A STORE with .SILENT was done: the client changes what it believes, but not what it was just told. */
  assume(
    entry: MirrorEntry,
    change: (flags: FlagText) => FlagText,
    toldMeanwhile: ReadonlySet<MirrorEntry>,
  ): void {
    if (entry.flags !== undefined && !toldMeanwhile.has(entry)) entry.flags = change(entry.flags);
  }

  #takeExists(count: number, { command, isOpening }: ResponseContext): void {
    if (!isOpening) this.#useCache();
    const added = count - this.entries.length;
    if (added < 0) {
      this.#fail('exists-shrinks', `EXISTS ${count} after ${this.entries.length}`);
      return;
    }
    const highestUid = Math.max(0, ...this.entries.map(({ uid }) => uid ?? 0));
    const isComplete = this.entries.every(({ uid }) => uid !== undefined);
    if (isComplete) this.#knownUpTo = Math.max(this.#knownUpTo, highestUid);
    const lastUid = this.isUidOnly ? this.#knownUpTo : highestUid;
    for (let index = 0; index < added; index++) this.entries.push(newEntry());
    if (isOpening) return;
    const isUpTo = (uid: number | undefined) => uid !== undefined && uid <= lastUid;
    const unknownCount =
      this.entries.length - 1 - this.entries.findLastIndex(({ uid }) => isUpTo(uid));
    this.#facts.push({ kind: 'exists', command, count, lastUid, unknownCount });
  }

  #takeExpunge(number: number, context: ResponseContext): void {
    this.#useCache();
    this.#checkAllowed(`EXPUNGE ${number}`, context);
    const { command } = context;
    const entry = this.entries[number - 1];
    if (entry === undefined) {
      this.#fail('number-beyond', `EXPUNGE ${number} of ${this.entries.length}`);
      return;
    }
    this.entries.splice(number - 1, 1);
    this.#expungeResult(entry);
    this.#facts.push({ kind: 'expunged', command, entry });
  }

  #checkAllowed(what: string, { isRunning, usesNumbers }: ResponseContext): void {
    if (!isRunning) this.#fail('expunge-forbidden', `${what} while no command runs`);
    if (usesNumbers) this.#fail('expunge-forbidden', `${what} while numbers are in use`);
  }

  #takeVanished({ uids }: VanishedResponse, context: ResponseContext): void {
    this.#useCache();
    for (const uid of uids) {
      this.#checkAllowed(`VANISHED ${uid}`, context);
      const index = this.#placeOf(uid);
      const entry = this.entries[index];
      if (entry === undefined) {
        this.#fail('vanished-form', `VANISHED ${uid}, which the client does not count`);
        return;
      }
      this.entries.splice(index, 1);
      const isGuess = entry.uid === undefined;
      // It may be another one whose UID the client does not know, so nothing is learned of this one.
      const gone = isGuess ? { ...entry, uid } : entry;
      this.#facts.push({ kind: 'expunged', command: context.command, entry: gone });
      if (isGuess) this.#forgetNumbers();
      else this.#expungeResult(entry);
    }
  }

  /** Which of the messages whose UIDs the client does not know have which numbers nobody can tell it. */
  #forgetNumbers(): void {
    this.contexts.endNumbered();
    if (this.#saved?.some((saved) => saved.uid === undefined)) this.#saved = undefined;
  }

  #expungeResult(entry: MirrorEntry): void {
    const fault = this.contexts.expunge(entry);
    if (fault !== undefined) this.#fail('context-order', fault);
  }

  #takeUpdate(response: UpdateResponse): void {
    const fault = this.contexts.update(response, this.entries);
    if (fault !== undefined) this.#fail('context-wrong', fault);
  }

  /** Where a UID stands, or may stand: then it is one of several whose UIDs the client does not know. -1 if nowhere. */
  #placeOf(uid: number): number {
    const known = this.entries.findIndex((entry) => entry.uid === uid);
    if (known !== -1) return known;
    if (this.isUidOnly) return this.entries.findLastIndex((entry) => entry.uid === undefined);
    const after = this.entries.findIndex((entry) => (entry.uid ?? 0) > uid);
    const last = (after === -1 ? this.entries.length : after) - 1;
    return this.entries[last]?.uid === undefined ? last : -1;
  }

  /** Of messages that were gone before the client had the mailbox selected, or of which it was told. */
  #takeEarlier({ uids }: VanishedResponse, { command }: ResponseContext): void {
    if (this.#cache === undefined) {
      this.#fail('vanished-form', `VANISHED (EARLIER) ${uids.join(',')} when it is too late`);
    }
    for (const uid of uids) {
      this.#vanished.add(uid);
      const entry = { ...(this.#cache?.find(uid) ?? newEntry()), uid };
      this.#facts.push({ kind: 'expunged', command, entry });
    }
  }

  /** Puts the messages that are left of those that the client knew to the beginning; those behind them are new. */
  #useCache(): void {
    const cache = this.#cache;
    this.#cache = undefined;
    if (cache === undefined || cache.uidValidity !== this.uidValidity) return;
    const left = cache.knownEntries.filter(({ uid }) => !this.#vanished.has(uid!));
    if (left.length > this.entries.length) {
      const uids = left.map(({ uid }) => uid).join(' ');
      this.#fail('resync-wrong', `the client has (${uids}), there are ${this.entries.length}`);
      return;
    }
    for (const [index, entry] of left.entries()) {
      this.entries[index] = { ...entry, isRecent: undefined };
    }
  }

  #takeFetch(response: FetchResponse, { command }: ResponseContext): void {
    this.#useCache();
    const { number, isByUid, uid, flags, modseq, isRecent } = response;
    const entry = isByUid ? this.#entryOf(number) : this.entries[number - 1];
    if (entry === undefined) {
      this.#fail(
        'number-beyond',
        `${isByUid ? 'UID' : ''}FETCH ${number} of ${this.entries.length}`,
      );
      return;
    }
    if (isByUid && uid !== number) this.#fail('wrong-uid', `UIDFETCH ${number} has UID ${uid}`);
    if (!isByUid && uid !== undefined && !this.#learnUid(entry, number, uid)) return;
    if (modseq !== undefined && modseq < (entry.modseq ?? 0)) {
      this.#fail('modseq-back', `MODSEQ ${modseq} of UID ${entry.uid} after ${entry.modseq}`);
    }
    entry.flags = flags ?? entry.flags;
    entry.modseq = modseq ?? entry.modseq;
    this.#highestInFetch = Math.max(this.#highestInFetch, modseq ?? 0);
    entry.isRecent = isRecent ?? entry.isRecent;
    this.#facts.push({ kind: 'fetch', command, entry, response });
  }

  /** The message of a UID, for a client of UIDONLY: one that it knows, or one of those whose UIDs it does not know. */
  #entryOf(uid: number): MirrorEntry | undefined {
    const known = this.find(uid);
    if (known !== undefined || this.entries.at(-1)?.uid !== undefined) return known;
    const entry = this.entries.pop();
    if (entry === undefined) return undefined;
    entry.uid = uid;
    const after = this.entries.findIndex((each) => (each.uid ?? Infinity) > uid);
    this.entries.splice(after === -1 ? this.entries.length : after, 0, entry);
    return entry;
  }

  #learnUid(entry: MirrorEntry, number: number, uid: number): boolean {
    if (entry.uid === uid) return true;
    const before = this.entries.slice(0, number - 1).findLast((each) => each.uid !== undefined);
    const after = this.entries.slice(number).find((each) => each.uid !== undefined);
    const fits = (before?.uid ?? 0) < uid && uid < (after?.uid ?? Infinity);
    if (entry.uid !== undefined || !fits) {
      const known = entry.uid ?? `one between ${before?.uid} and ${after?.uid}`;
      this.#fail('wrong-uid', `FETCH ${number} has UID ${uid}, the client knows ${known}`);
      return false;
    }
    entry.uid = uid;
    return true;
  }

  #takeSearch(
    response: SearchResponse,
    { command, isUidSearch, isSaving, followed }: ResponseContext,
  ): void {
    const largest = Math.max(0, ...response.numbers);
    if (!isUidSearch && largest > this.entries.length) {
      this.#fail('number-beyond', `SEARCH found ${largest} of ${this.entries.length}`);
      return;
    }
    const { tag, numbers } = response;
    if (followed !== undefined && tag !== undefined) {
      this.contexts.begin(tag, followed, numbers, this.entries);
    }
    if (isSaving) {
      const found = response.numbers.map((number) =>
        isUidSearch ? this.find(number) : this.entries[number - 1],
      );
      this.#saved = found.includes(undefined) ? undefined : (found as MirrorEntry[]);
    }
    this.#facts.push({ kind: 'search', command, response, view: [...this.entries] });
  }

  #fail(rule: Rule, detail: string): void {
    this.#problems.push({ rule, detail });
  }
}

function newEntry(): MirrorEntry {
  return {
    uid: undefined,
    flags: undefined,
    modseq: undefined,
    isRecent: undefined,
    seenState: 0,
  };
}
