import t, { type Test } from 'tap';
import { parseHeader } from '../../../protocol/mime/header-fields.ts';
import { HeaderFilter } from '../../../protocol/mime/header-filter.ts';
import { MimeWalker } from '../../../protocol/mime/mime-walker.ts';
import type { SearchKey } from '../../../protocol/search-key.ts';
import { StoreError } from '../../../store/mail-store.ts';
import { MessageText } from '../../../store/search/message-text.ts';
import { Pacer } from '../../../store/search/pacer.ts';
import { searchMessages } from '../../../store/search/search-messages.ts';
import type {
  SearchColumn,
  SearchedContent,
  SearchExtent,
  SearchRows,
  SearchSource,
} from '../../../store/search/search-source.ts';
import { SearchTerm } from '../../../store/search/search-term.ts';
import { joinUsualFields, selectUsualFields } from '../../../store/usual-fields.ts';

interface Message {
  readonly text: string;
  readonly flags?: readonly string[];
  readonly internalDay?: number;
  /** The engine gives only so many bytes along. */
  readonly beginning?: number;
  /** The engine keeps no usual fields apart. */
  readonly isUnkept?: boolean;
  /** It goes after its row has been read: before its bytes are, or before the rest of them is. */
  readonly goes?: 'before' | 'within';
}

/** The smallest engine that can be searched: messages in an array, their place the UID less 1. */
class ArraySource implements SearchSource {
  readonly #messages: readonly Message[];
  readonly #batchRows: number;
  /** What has been asked for, in order. */
  readonly calls: string[] = [];

  constructor(messages: readonly Message[], batchRows = 3) {
    this.#messages = messages;
    this.#batchRows = batchRows;
  }

  async readLargestUid(): Promise<number> {
    return this.#messages.length;
  }

  async *readRows(
    uids: Uint32Array,
    columns: ReadonlySet<SearchColumn>,
  ): AsyncGenerator<SearchRows> {
    this.calls.push(`rows ${[...columns].toSorted().join()}`);
    for (let start = 0; start < uids.length; start += this.#batchRows) {
      const batch = uids.subarray(start, start + this.#batchRows);
      const messages = Array.from(batch, (uid) => this.#messages[uid - 1]!);
      yield {
        uids: batch,
        bodyIds: Float64Array.from(batch, (uid) => 10 * uid),
        ...(columns.has('flags') && {
          flags: Uint32Array.from(messages.keys()),
          flagSets: messages.map(({ flags = [] }) => flags),
        }),
        ...(columns.has('internalDay') && {
          internalDays: Float64Array.from(messages, ({ internalDay = 0 }) => internalDay),
        }),
        ...(columns.has('usualFields') && {
          usualFields: joinUsualFields(
            messages.map(({ text, isUnkept = false }) =>
              isUnkept ? undefined : selectUsualFields(headerOf(text)),
            ),
          ),
        }),
      };
    }
  }

  async *readContents(
    bodyIds: Float64Array,
    extent: SearchExtent,
  ): AsyncGenerator<readonly SearchedContent[]> {
    this.calls.push(`${extent} ${bodyIds.join()}`);
    const contents: SearchedContent[] = [];
    for (const bodyId of bodyIds) {
      const { text, beginning = Infinity, goes } = this.#messages[bodyId / 10 - 1]!;
      if (goes === 'before') continue;
      const bytes = Buffer.from(text, 'latin1');
      const walker = new MimeWalker();
      walker.push(bytes);
      const headerBytes = headerOf(text).length;
      contents.push({
        bodyId,
        headerBytes,
        start: extent === 'body' ? Math.min(headerBytes, beginning) : 0,
        bytes: bytes.subarray(
          extent === 'body' ? Math.min(headerBytes, beginning) : 0,
          extent === 'header' ? Math.min(headerBytes, beginning) : beginning,
        ),
        ...(extent !== 'header' && { structure: walker.finish() }),
      });
    }
    // One by one: an engine may divide them as it likes.
    for (const content of contents) yield [content];
  }

  async *readBytes(bodyId: number, start: number, end: number): AsyncGenerator<Uint8Array> {
    this.calls.push(`bytes ${bodyId} ${start} ${end}`);
    const { text, goes } = this.#messages[bodyId / 10 - 1]!;
    const bytes = Buffer.from(text, 'latin1').subarray(start, end);
    for (let position = 0; position < bytes.length; position += 7) {
      if (goes === 'within' && position > 0) throw new StoreError('NONEXISTENT', 'Gone');
      yield bytes.subarray(position, position + 7);
    }
  }
}

function headerOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const end = parseHeader(bytes).at(-1)?.end ?? 0;
  return bytes.subarray(0, end + 2);
}

const mail = (subject: string, body: string, more = '') =>
  `Subject: ${subject}\r\nX-Other: other ${subject}\r\n${more}\r\n${body}`;
const header = (fieldName: string, text: string): SearchKey => ({ key: 'header', fieldName, text });
const body = (text: string): SearchKey => ({ key: 'body', text });
const flag = (name: string): SearchKey => ({ key: 'flag', flag: name });
const and = (...keys: SearchKey[]): SearchKey => ({ key: 'and', keys });
const or = (left: SearchKey, right: SearchKey): SearchKey => ({ key: 'or', left, right });
const not = (operand: SearchKey): SearchKey => ({ key: 'not', operand });

/** What a search of all messages finds, and what it has asked the engine for. */
async function find(messages: readonly Message[], criteria: SearchKey) {
  const source = new ArraySource(messages);
  const candidates = Uint32Array.from(messages, (_, index) => index + 1);
  const uids = [...(await searchMessages(source, criteria, candidates))];
  return { uids, calls: source.calls };
}

const some: readonly Message[] = [
  { text: mail('one', 'first body'), flags: ['\\Seen'] },
  { text: mail('two', 'second body'), internalDay: 5, isUnkept: true },
  { text: mail('three', 'third body'), flags: ['\\Flagged', 'Work'], beginning: 20 },
  { text: mail('four', 'fourth body'), flags: ['work'], beginning: 40 },
];

await t.test('it asks for what the criteria need, and no more', async (t: Test) => {
  const since = { key: 'date', field: 'internal', relation: 'since' } as const;
  const day = { year: 1970, month: 1, day: 3 };
  for (const [criteria, uids, ...calls] of [
    [{ key: 'all' }, [1, 2, 3, 4], 'rows '],
    [flag('WORK'), [3, 4], 'rows flags'],
    [and(flag('work'), { ...since, day }), [], 'rows flags,internalDay'],
    [header('subject', 'T'), [2, 3], 'rows usualFields', 'header 20'],
    [header('x-other', 'e t'), [], 'rows ', 'header 10,20,30', 'bytes 30 0 40', 'header 40'],
    [
      and(body('body'), flag('work')),
      [3, 4],
      'rows flags',
      'body 30',
      'bytes 30 40 50',
      'body 40',
      'bytes 40 38 49',
    ],
    [and(header('subject', 'o'), flag('\\seen')), [1], 'rows flags,usualFields'],
    [
      or(flag('\\Seen'), and(body('second'), header('x-other', 'two'))),
      [1, 2],
      'rows flags',
      'message 20,30',
      'bytes 30 0 40',
      'message 40',
    ],
    [not(body('r')), [2], 'rows ', 'body 10,20,30', 'bytes 30 40 50', 'body 40', 'bytes 40 38 49'],
  ] as [SearchKey, number[], ...string[]][]) {
    t.same(await find(some, criteria), { uids, calls }, JSON.stringify(criteria));
  }
});

await t.test('it answers from what is there, whatever goes meanwhile', async (t: Test) => {
  const messages: readonly Message[] = [
    { text: mail('a', 'x'.repeat(50)), goes: 'before' },
    { text: mail('b', 'x'.repeat(50)) },
    { text: mail('c', 'x'.repeat(50)), beginning: 40, goes: 'within' },
    { text: mail('d', 'x'.repeat(50)), beginning: 40 },
  ];
  t.same((await find(messages, body('xxxxxxxxxx'))).uids, [2, 4]);
  t.same((await find(messages, not(body('y')))).uids, [2, 4]);
});

await t.test('other errors of an engine are its own', async (t: Test) => {
  const source = new ArraySource(some);
  source.readBytes = () => {
    throw new Error('Broken');
  };
  await t.rejects(searchMessages(source, body('third'), Uint32Array.of(3)), { message: 'Broken' });
});

await t.test('only what is not at hand is waited for', async (t: Test) => {
  const source = new ArraySource(some);
  const texts: MessageText[] = [];
  for await (const contents of source.readContents(Float64Array.of(10, 30, 40), 'message')) {
    texts.push(...contents.map((content) => new MessageText(source, content, new Pacer())));
  }
  const [whole, beginningOfHeader, header] = texts as [MessageText, MessageText, MessageText];
  const term = new SearchTerm('body');
  t.equal(whole.hasInBody(term), true);
  t.equal(whole.hasInHeader(term), false);
  t.equal(
    header.hasField('subject', new HeaderFilter(['subject'], false), new SearchTerm('four')),
    true,
  );
  const verdict = header.hasInBody(term);
  t.ok(verdict instanceof Promise);
  t.equal(await verdict, true);
  const headerVerdict = beginningOfHeader.hasInHeader(term);
  t.ok(headerVerdict instanceof Promise);
  t.equal(await headerVerdict, false);
});

await t.test('several terms in one large message', async (t: Test) => {
  const message = mail('x', `first ${'.'.repeat(60)} second ${'.'.repeat(60)} third`);
  for (const beginning of [10, 60, 1_000]) {
    const messages = [{ text: message, beginning }];
    for (const [text, others, isFound] of [
      ['first', ['second', 'third'], true],
      ['second', ['third', 'fourth'], false],
    ] as const) {
      const criteria = and(body(text), ...others.map(body));
      t.same((await find(messages, criteria)).uids, isFound ? [1] : [], `${beginning} ${text}`);
    }
    const texts = or({ key: 'text', text: 'nothing' }, { key: 'text', text: 'THIRD' });
    t.same((await find(messages, texts)).uids, [1]);
  }
});
