import t from 'tap';
import type { SectionText } from '../../../protocol/fetch-item.ts';
import { filterHeader, resolveSection } from '../../../protocol/mime/body-section.ts';
import { writeBody, writeBodyStructure } from '../../../protocol/mime/body-structure.ts';
import type { MimePart } from '../../../protocol/mime/mime-structure.ts';
import { readCorpus } from './corpus.ts';
import { walk } from './walk.ts';
import { parseBody, parseEnvelope } from './wire-grammar.ts';

const kinds = { '': 'all', HEADER: 'header', TEXT: 'text', MIME: 'mime' } as const;

/** A section as a client names it: `1.2.HEADER.FIELDS (TO CC)`. */
function parseSection(name: string): { part: number[]; text: SectionText } {
  const [, digits = '', words = ''] = /^([\d.]*)(.*)$/.exec(name)!;
  const part = (digits.match(/\d+/g) ?? []).map(Number);
  const fields = /^HEADER\.FIELDS(\.NOT)? \((.*)\)$/.exec(words);
  if (!fields) return { part, text: { kind: kinds[words as keyof typeof kinds] } };
  const kind = fields[1] ? 'header-fields-not' : 'header-fields';
  return { part, text: { kind, fieldNames: fields[2]!.split(' ') } };
}

function readSection(bytes: Buffer, structure: MimePart, name: string): string | null {
  const range = resolveSection(structure, parseSection(name));
  if (!range) return null;
  const found = bytes.subarray(range.start, range.end);
  if (range.fieldNames === undefined) return found.toString('latin1');
  return Buffer.from(filterHeader(found, range.fieldNames, range.isNot)).toString('latin1');
}

const corpus = readCorpus();

await t.test('the corpus is there', (t) => {
  t.ok(corpus.length >= 25, `${corpus.length} messages`);
  t.end();
});

for (const { name, bytes, expected } of corpus) {
  await t.test(name, (t) => {
    const structure = walk(bytes);
    t.strictSame(parseEnvelope(structure.envelope!), expected.envelope, 'ENVELOPE');
    t.strictSame(
      parseBody(writeBodyStructure(structure), true),
      expected.bodyStructure,
      'BODYSTRUCTURE',
    );
    t.doesNotThrow(() => parseBody(writeBody(structure), false), 'BODY');
    for (const [section, content] of Object.entries(expected.sections)) {
      t.equal(readSection(bytes, structure, section), content, `BODY[${section}]`);
    }
    t.strictSame(walk(bytes, 1), structure, 'byte by byte');
    t.end();
  });
}
