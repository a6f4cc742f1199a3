import t from 'tap';
import { maxAccountUntoldMetadata, maxUntoldMetadata } from '../../../server/imap/limits.ts';
import { MetadataBudget } from '../../../server/imap/metadata-budget.ts';
import { MetadataNews } from '../../../server/imap/metadata-news.ts';
import { Responses } from '../../../server/imap/responses.ts';
import type { ByteSink } from '../../../server/net/byte-stream.ts';
import type { MetadataChange } from '../../../store/mail-store.ts';

function makeScene({
  isServerOnly = false,
  accountId = 1,
  budget = new MetadataBudget(maxAccountUntoldMetadata),
} = {}) {
  const calls: string[] = [];
  const chunks: string[] = [];
  const sink = {
    write: (data: string) => void chunks.push(data),
    isFull: false,
  } as Partial<ByteSink> as ByteSink;
  const out = new Responses(sink, 1 << 20);
  const news = new MetadataNews({
    accountId,
    author: 'own',
    budget,
    isServerOnly,
    onOverflow: () => void calls.push('overflow'),
  });
  news.onNews = () => void calls.push('news');
  const told = (): string[] => {
    news.tell(out);
    out.flush();
    return chunks.splice(0).join('').split('\r\n').slice(0, -1);
  };
  return { news, calls, told };
}

const inbox = { mailboxId: 1, name: 'INBOX' };

function change(
  entries: readonly string[],
  rest: Partial<MetadataChange> = { mailbox: inbox },
): MetadataChange {
  return { kind: 'metadata', entries, author: 'other', ...rest };
}

await t.test('each entry that others have changed is told once', (t) => {
  const { news, calls, told } = makeScene();
  t.same([news.hasNews, told()], [false, []]);
  news.take(change(['/private/a']));
  news.take(change(['/private/b', '/private/a']));
  news.take(change(['/shared/c'], {}));
  news.take(change(['/private/own'], { mailbox: inbox, author: 'own' }));
  news.take({ kind: 'subscribed', name: 'x' });
  t.same(calls, ['news', 'news', 'news']);
  t.equal(news.hasNews, true);
  t.same(told(), ['* METADATA INBOX /private/a /private/b', '* METADATA "" /shared/c']);
  t.same([news.hasNews, told()], [false, []]);
  t.end();
});

await t.test('a mailbox is told by the name that it has by then', (t) => {
  const { news, told } = makeScene();
  const mailbox = { mailboxId: 2, name: 'a' };
  news.take(change(['/private/a'], { mailbox }));
  news.take({ kind: 'renamed', mailboxId: 2, oldName: 'a', name: 'b c' });
  t.same(told(), ['* METADATA "b c" /private/a']);
  news.take(change(['/private/a'], { mailbox }));
  news.take({ kind: 'deleted', mailboxId: 2, name: 'b c' });
  t.same([news.hasNews, told()], [false, []]);
  t.end();
});

await t.test("only what is the account's", (t) => {
  const { news, told } = makeScene({ isServerOnly: true });
  news.take(change(['/private/a']));
  news.take(change(['/private/b'], {}));
  t.same(told(), ['* METADATA "" /private/b']);
  t.end();
});

await t.test('a line has some names, and so many wait in all', (t) => {
  const { news, calls, told } = makeScene();
  const names = Array.from({ length: maxUntoldMetadata }, (_, at) => `/private/${at}`);
  news.take(change(names));
  news.take(change(names));
  const lines = told();
  t.equal(lines.length, maxUntoldMetadata / 20);
  t.same(
    lines.flatMap((line) => line.split(' ').slice(3)),
    names,
  );
  news.take(change(names));
  news.take({ kind: 'deleted', mailboxId: 1, name: 'INBOX' });
  news.take(change(names, { mailbox: { mailboxId: 2, name: 'a' } }));
  t.notOk(calls.includes('overflow'), 'what is dropped does not count');
  news.take(change(['/shared/one-more'], {}));
  t.equal(calls.at(-1), 'overflow');
  news.take(change(['/shared/more'], {}));
  t.same([news.hasNews, told(), calls.at(-1)], [false, [], 'overflow'], 'nothing more is told');
  t.end();
});

await t.test('of an account for which too much waits the client ends that has most', (t) => {
  const budget = new MetadataBudget(10);
  const [idle, busy, late] = [makeScene({ budget }), makeScene({ budget }), makeScene({ budget })];
  const other = makeScene({ budget, accountId: 2 });
  const names = Array.from({ length: 10 }, (_, at) => `/private/${at}`);
  other.news.take(change(names));
  idle.news.take(change(names.slice(0, 6)));
  busy.news.take(change(names.slice(0, 4)));
  busy.told();
  late.news.take(change(names.slice(0, 4)));
  t.same(
    [idle, late].map(({ calls }) => calls.at(-1)),
    ['news', 'news'],
    'what was told is none',
  );
  busy.news.take(change(names.slice(0, 1)));
  t.equal(idle.calls.at(-1), 'overflow');
  t.equal(idle.news.hasNews, false, 'it holds nothing more');
  busy.news.take(change(names.slice(1, 6)));
  t.same(
    [busy, late, other].map(({ calls }) => calls.at(-1)),
    ['news', 'news', 'news'],
  );
  busy.news.take(change(names.slice(6, 7)));
  t.equal(busy.calls.at(-1), 'overflow', 'also if it is the one for which more has come');
  t.equal(busy.calls.filter((call) => call === 'news').length, 3, 'and that is no news');
  late.news.take({ kind: 'deleted', mailboxId: 1, name: 'INBOX' });
  late.news.take(change(names, { mailbox: { mailboxId: 2, name: 'a' } }));
  t.equal(late.calls.at(-1), 'news', 'what is dropped is given back');
  late.news.close();
  const last = makeScene({ budget });
  last.news.take(change(names));
  t.equal(last.calls.at(-1), 'news', 'and what had somebody who has left');
  t.end();
});
