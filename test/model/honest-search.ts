import { isFoundBy, type HonestMessage } from './honest-mailbox.ts';
import type { HonestView, HonestViewSettings } from './honest-view.ts';

/** A search as a client of the honest server asked for it. */
interface HonestContext {
  readonly tag: string;
  readonly isUid: boolean;
  /** UIDs instead of message sequence numbers. */
  readonly criteria: string;
  readonly order: string | undefined;
  /** UIDs of what the client was told, in the order of the results. */
  results: readonly number[];
}

/** What a search command of the model test says. */
const searchPattern =
  /^(UID )?(SEARCH|SORT) (?:RETURN \(([^)]*)\) )?(?:\(((?:REVERSE )?SUBJECT)\) UTF-8 )?(.*)$/;

/** The searches of one client of the honest server in its selected mailbox, and those that it follows. */
export class HonestSearches {
  readonly #view: HonestView;
  readonly #settings: HonestViewSettings;
  readonly #followed = new Map<string, HonestContext>();

  constructor(view: HonestView, settings: HonestViewSettings) {
    this.#view = view;
    this.#settings = settings;
  }

  /** Answers SEARCH and SORT, but for the tagged answer. */
  search(text: string, tag: string): void {
    const [, uid = '', , options, order, rest = ''] = searchPattern.exec(text)!;
    const view = this.#view;
    const saved = [0, ...view.saved].join(',');
    const asked = rest.replaceAll(/(?<=^|[ (])\$(?=$|[ )])/g, `UID ${saved}`);
    const criteria = asked.replaceAll(
      /(?<!UID |MODSEQ )(?<=^|[ (])\d[\d,]*(?=$|[ )])/g,
      (set) => `UID ${[0, ...(view.named(set, false, true) ?? [])].join(',')}`,
    );
    const context = { tag, isUid: uid !== '', criteria, order };
    const found = this.#find(context);
    if (this.#settings.lies('search-wrong')) found.pop();
    const uids = found.map((message) => message.uid);
    const numbers = this.#numbersOf(uids, context.isUid).join(options === undefined ? ' ' : ',');
    const highest = Math.max(0, ...found.map(({ modseq }) => modseq));
    const modseq = text.includes('MODSEQ') && highest > 0 ? `MODSEQ ${highest}` : '';
    if (options === undefined) {
      this.#settings.emit(`* SEARCH ${numbers}${modseq && ` (${modseq})`}`);
      return;
    }
    if (options.includes('SAVE')) view.saved = uids;
    if (options.includes('UPDATE')) this.#followed.set(tag, { ...context, results: uids });
    const all = numbers === '' ? '' : ` ALL ${numbers}`;
    this.#settings.emit(`* ESEARCH (TAG "${tag}")${uid && ' UID'}${all}${modseq && ` ${modseq}`}`);
  }

  /** No longer tells of a search. */
  cancel(tag: string): void {
    this.#followed.delete(tag);
  }

  /** Tells that messages are no longer among results since they are gone: before that is told itself. */
  tellGone(): void {
    for (const context of this.#followed.values()) {
      const left = context.results.filter((uid) => this.#view.mailbox.find(uid) !== undefined);
      if (this.#settings.lies('context-order')) context.results = left;
      else this.#tell(context, left);
    }
  }

  /** Tells what has come to the results and gone from them. */
  tellChanged(): void {
    for (const context of this.#followed.values()) {
      const found = this.#find(context).map(({ uid }) => uid);
      if (this.#settings.lies('context-wrong')) context.results = found;
      else this.#tell(context, found);
    }
  }

  #find({ criteria, order }: Omit<HonestContext, 'results'>): HonestMessage[] {
    const found = this.#view.entries.flatMap(({ uid }) => {
      const message = this.#view.mailbox.find(uid);
      return message !== undefined && isFoundBy(criteria, message) ? [message] : [];
    });
    if (order === undefined) return found;
    const sign = order === 'SUBJECT' ? 1 : -1;
    return found.toSorted((a, b) =>
      a.body === b.body ? a.uid - b.uid : a.body < b.body ? -sign : sign,
    );
  }

  #numbersOf(uids: readonly number[], isUid: boolean): number[] {
    return uids.map((uid) => (isUid ? uid : this.#view.indexOf(uid) + 1));
  }

  #tell(context: HonestContext, results: readonly number[]): void {
    const { tag, isUid, order } = context;
    const begin = `* ESEARCH (TAG "${tag}")${isUid ? ' UID' : ''}`;
    const list = [...context.results];
    const tell = (name: string, uid: number, place: number): void => {
      const position = order === undefined ? 0 : place + 1;
      const [number] = this.#numbersOf([uid], isUid);
      this.#settings.emit(`${begin} ${name} (${position} ${number})`);
    };
    for (const uid of context.results) {
      if (results.includes(uid)) continue;
      const place = list.indexOf(uid);
      tell('REMOVEFROM', uid, place);
      list.splice(place, 1);
    }
    for (const [place, uid] of results.entries()) {
      if (!context.results.includes(uid)) tell('ADDTO', uid, place);
    }
    context.results = results;
  }
}
