import { HonestSearches } from './honest-search.ts';
import type { HonestMailbox, HonestMessage } from './honest-mailbox.ts';
import type { Rule } from './rules.ts';

/** What an {@link HonestView} has of its client. */
export interface HonestViewSettings {
  readonly hasCondstore: boolean;
  readonly hasQresync: boolean;
  readonly hasUidOnly: boolean;
  /** Whether the server breaks a rule now. */
  lies(rule: Rule): boolean;
  emit(line: string, literals?: readonly string[]): void;
}

/** A mailbox as one client of the honest server was told of it, from SELECT on. */
export class HonestView {
  readonly mailbox: HonestMailbox;
  readonly isReadOnly: boolean;
  /** UIDs that the client was told of, with the modseq of which it was told. */
  readonly entries: { uid: number; modseq: number }[] = [];
  /** UIDs that the last search that was saved found. */
  saved: readonly number[] = [];
  readonly searches: HonestSearches;
  readonly #recent = new Set<number>();
  /** All up to this modseq was told, with what is gone. */
  #settledModseq: number;
  readonly #settings: HonestViewSettings;

  constructor(mailbox: HonestMailbox, isReadOnly: boolean, settings: HonestViewSettings) {
    this.mailbox = mailbox;
    this.isReadOnly = isReadOnly;
    this.#settings = settings;
    this.searches = new HonestSearches(this, settings);
    this.#settledModseq = mailbox.modseq;
  }

  /** Tells a client that comes back what has changed, or gone, after a modseq. */
  resynchronize(since: number): void {
    const gone = this.mailbox.expunged.filter(({ modseq }) => modseq > since);
    if (this.#lies('resync-wrong')) gone.pop();
    const uids = gone.map(({ uid }) => uid).toSorted((a, b) => a - b);
    if (uids.length > 0) this.#settings.emit(`* VANISHED (EARLIER) ${uids.join(',')}`);
    for (const [index, message] of this.mailbox.messages.entries()) {
      if (message.modseq <= since) continue;
      this.tellFlags(index, message, { hasUid: true, hasFlags: true }, true);
    }
  }

  /** Tells what has changed; EXPUNGE only if it may be told. */
  tell(canExpunge: boolean): void {
    this.searches.tellGone();
    if (canExpunge && !this.#lies('view-uids')) this.#tellExpunged();
    this.#tellNew();
    for (const [index, told] of this.entries.entries()) {
      const message = this.mailbox.find(told.uid);
      if (message === undefined || message.modseq === told.modseq) continue;
      if (this.#lies('view-flags')) told.modseq = message.modseq;
      else {
        const hasModseq = this.#settings.hasCondstore && !this.#lies('view-modseq');
        this.tellFlags(index, message, { hasUid: true, hasFlags: true }, hasModseq);
        this.entries[index] = { uid: told.uid, modseq: message.modseq };
      }
    }
    this.searches.tellChanged();
    this.#settle();
  }

  #settle(): void {
    const isHeldBack = this.entries.some(({ uid }) => this.mailbox.find(uid) === undefined);
    if (!isHeldBack) this.#settledModseq = this.mailbox.modseq;
    else if (this.#settings.hasQresync) {
      this.#settings.emit(`* OK [HIGHESTMODSEQ ${this.#settledModseq}] Something is held back`);
    }
  }

  #tellExpunged(): void {
    for (let index = 0; index < this.entries.length;) {
      if (this.mailbox.find(this.entries[index]!.uid) !== undefined) index += 1;
      else {
        const isOther = this.#lies('expunge-alive') && this.entries.length > 1;
        const at = isOther ? (index === 0 ? 1 : 0) : index;
        const { uid } = this.entries.splice(at, 1)[0]!;
        const { hasQresync, hasUidOnly } = this.#settings;
        if ((hasQresync || hasUidOnly) && !this.#lies('vanished-form')) {
          this.#settings.emit(`* VANISHED ${uid}`);
          continue;
        }
        this.#settings.emit(`* ${at + 1 + (this.#lies('number-beyond') ? 100 : 0)} EXPUNGE`);
      }
    }
  }

  #tellNew(): void {
    const last = this.entries.at(-1)?.uid ?? 0;
    const added = this.mailbox.messages.filter(({ uid }) => uid > last);
    if (added.length > 0) {
      this.know(added);
      this.#settings.emit(
        `* ${this.entries.length + (this.#lies('exists-wrong') ? 50 : 0)} EXISTS`,
      );
    } else if (this.entries.length > 0 && this.#lies('exists-shrinks')) {
      this.#settings.emit(`* ${this.entries.length - 1} EXISTS`);
    }
  }

  /** The client is told of messages, by their number. */
  know(messages: readonly HonestMessage[]): void {
    for (const message of messages) {
      const { uid, modseq } = message;
      this.entries.push({ uid, modseq });
      if (!message.isNew) continue;
      this.#recent.add(uid);
      if (!this.isReadOnly && !this.#lies('recent-twice')) message.isNew = false;
    }
  }

  tellFlags(
    index: number,
    message: HonestMessage,
    { hasUid, hasFlags, body }: { hasUid?: boolean; hasFlags?: boolean; body?: string },
    hasModseq = this.#settings.hasCondstore,
  ): void {
    const { uid, modseq, flags } = message;
    const words = [...flags, ...(this.#recent.has(uid) ? ['\\Recent'] : [])];
    if (this.#lies('flags-wrong')) words.push('lie');
    const isKnown = this.entries[index]?.modseq === modseq;
    const wrong = isKnown && this.#lies('modseq-back') ? -1 : this.#lies('modseq-wrong') ? 1000 : 0;
    const items = [
      ...(hasUid === true ? [`UID ${uid + (this.#lies('wrong-uid') ? 1 : 0)}`] : []),
      ...(hasFlags === true ? [`FLAGS (${words.join(' ')})`] : []),
      ...(hasModseq ? [`MODSEQ (${modseq + wrong})`] : []),
      ...(body === undefined ? [] : [`BODY[] {${body.length}}`]),
    ];
    const isByUid = this.#settings.hasUidOnly !== this.#lies('uidonly-form');
    this.#settings.emit(
      `* ${isByUid ? `${uid} UIDFETCH` : `${index + 1} FETCH`} (${items.join(' ')})`,
      body === undefined ? [] : [body],
    );
    const told = this.entries[index];
    if (told?.uid !== uid || hasFlags !== true) return;
    if (hasModseq || !this.#settings.hasCondstore) this.entries[index] = { uid, modseq };
  }

  /** UIDs that a set names; undefined if it names a number that there is not, unless that is allowed. */
  named(set: string, isUid: boolean, isLenient = false): number[] | undefined {
    const uids = this.entries.map(({ uid }) => uid);
    if (set === '$') return uids.filter((uid) => this.saved.includes(uid));
    const largest = isUid ? (uids.at(-1) ?? 0) : uids.length;
    const ranges = set.split(',').map((range) => {
      const ends = range.split(':').map((end) => (end === '*' ? largest : Number(end)));
      return { first: Math.min(...ends), last: Math.max(...ends), isOpen: range.includes('*') };
    });
    if (!isUid && !isLenient && ranges.some(({ last, isOpen }) => last > largest && !isOpen))
      return undefined;
    return uids.filter((uid, index) => {
      const number = isUid ? uid : index + 1;
      return ranges.some(({ first, last }) => number >= first && number <= last);
    });
  }

  /** Where a UID stands in what the client was told; -1 if nowhere. */
  indexOf(uid: number): number {
    return this.entries.findIndex((told) => told.uid === uid);
  }

  #lies(rule: Rule): boolean {
    return this.#settings.lies(rule);
  }
}
