import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import { toLowerCase } from '../../../protocol/mime/ascii-text.ts';
import { type HeaderField, readHeader } from '../../../protocol/mime/header-fields.ts';
import { HeaderFilter } from '../../../protocol/mime/header-filter.ts';
import { SeededRandom } from '../../fixtures/seeded-random.ts';

/** What a filter must keep, by the reader of headers that makes text of every field. */
function keep(header: Buffer, fieldNames: readonly string[], isNot: boolean): Buffer {
  const names = new Set(fieldNames.map(toLowerCase));
  const kept: Buffer[] = [];
  let rest = 0;
  for (const { name, start, end } of readHeader(header)) {
    rest = end;
    if (names.has(toLowerCase(name)) !== isNot) kept.push(header.subarray(start, end));
  }
  return Buffer.concat([...kept, header.subarray(rest)]);
}

function fieldsOf(header: Buffer, fieldNames: readonly string[], isNot: boolean): HeaderField[] {
  const names = new Set(fieldNames.map(toLowerCase));
  return [...readHeader(header)].filter(({ name }) => names.has(toLowerCase(name)) !== isNot);
}

const lists: readonly (readonly string[])[] = [
  ['From', 'TO', 'subject', 'Date', 'Message-ID'],
  ['x', 'y-\xff', 'a:b', 'with space', '\u0141'],
  ['', 'X'],
  [],
];

await t.test('a filter keeps the fields that the reader of headers finds', (t) => {
  const folder = join(import.meta.dirname, '../../fixtures/mail');
  const mail = readdirSync(folder)
    .filter((name) => name.endsWith('.eml'))
    .map((name) => readFileSync(join(folder, name)));
  const random = new SeededRandom(8);
  // Of the bytes that matter, so that odd fields come often.
  const bytes = Buffer.from('xXyY-\xff::  \t\r\n\n\r\n\x00\x7f', 'latin1');
  for (let round = 0; round < 5_000; round++) {
    mail.push(
      Buffer.from(
        Array.from({ length: random.below(30) }, () => bytes[random.below(bytes.length)]!),
      ),
    );
  }
  // What stands around a header in a text with others: what could end its last line, or go on with it, if it were read on.
  const neighbours = ['\n', ' folded\r\n', '\nX: other\r\n', ': x', ''];
  let keptCount = 0;
  const differing: string[] = [];
  for (const header of mail) {
    for (const names of lists) {
      for (const isNot of [false, true]) {
        const expected = keep(header, names, isNot);
        const filter = new HeaderFilter(names, isNot);
        const shown = `${names.join()} ${isNot}: ${JSON.stringify(header.toString('latin1', 0, 200))}`;
        const found = Buffer.from(filter.apply(header));
        if (!found.equals(expected)) differing.push(shown);
        if (!isNot && found.length > 0) keptCount++;
        const before = random.pick(neighbours);
        const text = before + header.toString('latin1') + random.pick(neighbours);
        const end = before.length + header.length;
        const selected = Buffer.from(filter.select(text, before.length, end), 'latin1');
        if (!selected.equals(expected)) differing.push(`In ${JSON.stringify(text)}, ${shown}`);
        const fields = filter.fieldsOf(text, before.length, end);
        if (!isDeepStrictEqual(fields, fieldsOf(header, names, isNot))) {
          differing.push(`Fields ${shown}`);
        }
      }
    }
  }
  t.same(differing, []);
  t.ok(keptCount > 1000, `${keptCount} of them keep something`);
  t.end();
});
