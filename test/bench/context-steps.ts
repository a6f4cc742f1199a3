// The longest piece of the event loop when all messages move into the results of a search with updates, and out of them:
//
//     npm run bench -- context-steps [messages]
//
// 100,000 messages unless told otherwise, in this process and without a store. Of each piece the shortest of ten runs counts, so
// that what else the machine does does not.
import { UnsortedMembers } from '../../server/imap/contexts/context-members.ts';
import { judgedNow, SearchContext } from '../../server/imap/contexts/search-context.ts';
import { SortedMembers } from '../../server/imap/contexts/sorted-members.ts';
import { MailboxView } from '../../server/imap/mailbox-view.ts';
import { Responses } from '../../server/imap/responses.ts';
import type { SearchKey } from '../../protocol/search-key.ts';
import { noUids } from '../../protocol/sorted-uids.ts';
import type { MailStore } from '../../store/mail-store.ts';
import { Turn } from '../../store/turns.ts';
import { FakeMailbox } from '../fixtures/fake-mailbox.ts';
import { MailboxFeed } from '../../server/imap/mailbox-feed.ts';
import { StepTimes } from '../fixtures/step-times.ts';

const messageCount = Number(process.argv[2] ?? 100_000);
const runs = 10;
const uids = Array.from({ length: messageCount }, (_, index) => index + 1);
const criteria: SearchKey = { key: 'flag', flag: '\\Flagged' };

/** Times what lies between two of its ends. */
class TimedTurn extends Turn {
  readonly #times: StepTimes;
  readonly #name: string;
  #startMs = performance.now();

  constructor(times: StepTimes, name: string) {
    super(out);
    this.#times = times;
    this.#name = name;
  }

  override async next(): Promise<void> {
    this.end();
    await super.next();
    this.#startMs = performance.now();
  }

  end(): void {
    this.#times.add(this.#name, performance.now() - this.#startMs);
  }
}

const mailbox = new FakeMailbox();
mailbox.sliceMessages = messageCount;
for (const uid of uids) {
  mailbox.messages.set(uid, { uid, modseq: 1, flags: [] });
}
mailbox.uidNext = messageCount + 1;
/** As many subjects as there are conversations. */
const rows: MailStore['rows'] = async function* (_box, asked) {
  const baseSubject = Array.from(asked, (uid) => `QUESTION ${(uid * 7919) % 10_007}`);
  yield { uids: asked, sizeBytes: asked, sortTexts: { baseSubject } } as never;
};
const feed = await MailboxFeed.open({ ...mailbox.store, rows }, mailbox.box);
const sink = { write: () => undefined, isFull: false, drained: async () => {}, destroy: () => {} };
const out = new Responses(sink, 1 << 14);
const view = new MailboxView(feed, false);

for (const kind of ['search', 'sort'] as const) {
  const times = new StepTimes(100_000);
  const turn = new Turn(out);
  const keys = [{ name: 'SUBJECT', isReverse: true }] as const;
  const members =
    kind === 'search'
      ? await UnsortedMembers.of(noUids, turn)
      : await SortedMembers.of(feed, keys, noUids, turn);
  const search = { tag: 'a', isUid: true, criteria, ...(kind === 'sort' && { keys }) };
  const context = new SearchContext(search, members, judgedNow(view, 0));
  for (let run = 0; run < runs; run++) {
    times.begin();
    for (const flags of [['\\Flagged'], []]) {
      mailbox.setFlags(uids, flags);
      const name = flags.length > 0 ? 'all come' : 'all go';
      const timed = new TimedTurn(times, name);
      const judging = { view, store: mailbox.store, nowMs: 0, turn: timed };
      await context.tellChanged({ view, out, turn: timed, tag: 'a', isUid: true }, judging);
      timed.end();
    }
  }
  console.log(kind, times.report(), `${context.sizeBytes} bytes`);
}
