import * as fc from 'fast-check';
import t from 'tap';
import { parseHeader } from '../../../protocol/mime/header-fields.ts';
import { HeaderFilter } from '../../../protocol/mime/header-filter.ts';
import { MessageText } from '../../../store/search/message-text.ts';
import { Pacer } from '../../../store/search/pacer.ts';
import type { SearchSource } from '../../../store/search/search-source.ts';
import { SearchTerm } from '../../../store/search/search-term.ts';
import { searchedTexts } from '../../fixtures/searched-texts.ts';

/** A message that is nothing but a header, all of it at hand. */
function textOf(header: string): MessageText {
  const bytes = Buffer.from(header, 'latin1');
  const content = { bodyId: 1, headerBytes: bytes.length, bytes, start: 0 };
  // Nothing is read.
  return new MessageText({} as SearchSource, content, new Pacer());
}

const names = ['Subject', 'TO', 'From', 'Content-Type', 'X-Other'];

await t.test('a header has a term if one of its fields has it, whatever is passed over', (t) => {
  const pieces = [
    ...'a b ab a.b @ < > , ( ) (a) " ; * : é =?utf-8?q?a?= =?utf-8?q?=C3=A9?= \x1b$BF|\x1b(B'.split(
      ' ',
    ),
    ' ',
    '\r\n ',
    '\r\n',
    '\n',
    "; a*=utf-8''%62",
    ...names.map((name) => `\r\n${name}: `),
  ];
  const terms = [...'a b . @ < : " ( é 日 =? subject to: a=b'.split(' '), ' '];
  const some = (units: readonly string[], maxLength: number) =>
    fc.array(fc.constantFrom(...units), { maxLength }).map((all) => all.join(''));
  let [foundCount, addressCount] = [0, 0];
  fc.assert(
    fc.property(some(pieces, 14), some(terms, 4), (start, words) => {
      const header = `Subject: ${start}\r\n\r\n`;
      const term = new SearchTerm(words);
      const fields = parseHeader(Buffer.from(header, 'latin1'));
      const has = (name: string, value: string) =>
        searchedTexts(name, value).some((text) => term.isIn(text));
      const inLine = fields.some(({ name, value }) =>
        term.isIn(`${name}: ${searchedTexts(name, value)[0]}`),
      );
      const isExpected = inLine || fields.some(({ name, value }) => has(name, value));
      if (isExpected) foundCount++;
      if (isExpected && !inLine) addressCount++;
      const text = textOf(header);
      return (
        text.hasInHeader(term) === isExpected &&
        names.every((name) => {
          const ofName = fields.filter((field) => field.name.toLowerCase() === name.toLowerCase());
          const isInOne = ofName.some(({ value }) => has(name, value));
          const filter = new HeaderFilter([name], false);
          return text.hasField(name.toLowerCase(), filter, term) === isInOne;
        })
      );
    }),
    { numRuns: 20_000 },
  );
  t.ok(
    foundCount > 1_000 && addressCount > 10,
    `${foundCount} have it, ${addressCount} in an address`,
  );
  t.end();
});

await t.test('terms that only an address has', (t) => {
  const text = textOf(
    'Subject: us\r\nTo: us(c)er@host\r\nReceived: from us (c) by er@host\r\n\r\n',
  );
  t.equal(text.hasInHeader(new SearchTerm('user@host')), true);
  t.equal(text.hasInHeader(new SearchTerm('user@hosts')), false);
  t.equal(text.hasInHeader(new SearchTerm('received: from')), true);
  t.end();
});
