import * as fc from 'fast-check';
import t from 'tap';
import { filterHeader, resolveSection } from '../../../protocol/mime/body-section.ts';
import { writeBody, writeBodyStructure } from '../../../protocol/mime/body-structure.ts';
import { parseHeader } from '../../../protocol/mime/header-fields.ts';
import { MimeWalker } from '../../../protocol/mime/mime-walker.ts';
import type { MimePart } from '../../../protocol/mime/mime-structure.ts';
import type { ComposedPart } from '../../fixtures/mail-composer.ts';
import { generateMessage } from '../../fixtures/mail-generator.ts';
import { readCorpus } from './corpus.ts';
import { allParts, walk } from './walk.ts';
import { parseBody, parseEnvelope } from './wire-grammar.ts';

const seeds = fc.nat({ max: 0xffff_ffff });

/** Bytes in which much of what the walker looks for happens. */
const scraps = fc
  .array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.constantFrom('\r\n', '\n', '\r\n\r\n', '\n\n', '\r', ' ', '\t', 'x'),
      },
      {
        weight: 3,
        arbitrary: fc.constantFrom(
          '\r\n--b\r\n',
          '--b',
          '--b--',
          '--',
          '-',
          '--c\n',
          '--c--',
          '\n--b--\n',
        ),
      },
      fc.constantFrom(
        'Content-Type: multipart/mixed; boundary=b\r\n\r\n',
        'Content-Type: multipart/digest; boundary="c"\n\n',
        'Content-Type: multipart/mixed\r\n',
        'Content-Type: message/rfc822\r\n\r\n',
        'Content-Transfer-Encoding: base64\r\n',
        'Content-Disposition: attachment; filename="a',
      ),
      fc.constantFrom(
        'From: ',
        'To: a@b, "c',
        'Subject: \xe9',
        '<@a,@b:c@d>',
        'G: x@y;',
        '(',
        ')',
        '\0',
        '{3}',
        '\\',
      ),
    ),
    { maxLength: 80 },
  )
  .map((pieces) => Buffer.from(pieces.join(''), 'latin1'));

const corpus = readCorpus().map(({ bytes }) => bytes);

/** A message of the corpus with bytes changed, cut out and doubled. */
const mutants = fc
  .tuple(
    fc.constantFrom(...corpus),
    fc.array(
      fc.tuple(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat({ max: 40 }),
        fc.uint8Array({ maxLength: 6 }),
      ),
      {
        minLength: 1,
        maxLength: 8,
      },
    ),
  )
  .map(([original, edits]) =>
    edits.reduce((bytes: Buffer, [place, cut, insert]) => {
      const at = Math.floor(place * bytes.length);
      return Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + cut)]);
    }, original),
  );

const anyBytes = fc.oneof(
  scraps,
  mutants,
  fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes)),
);

function lineFeeds(bytes: Buffer, start: number, end: number): number {
  return bytes.subarray(start, end).filter((byte) => byte === 10).length;
}

await t.test('the walker finds every part where it was written', (t) => {
  const compare = (planned: ComposedPart, found: MimePart, bytes: Buffer): void => {
    const { plan, headerStart, bodyStart, end } = planned;
    t.match(found, { headerStart, bodyStart, end });
    t.equal(found.lineCount, lineFeeds(bytes, bodyStart, end));
    if (plan.kind === 'leaf') {
      t.match(found, { type: plan.type, subtype: plan.subtype, encoding: plan.encoding });
    }
    t.equal(found.children?.length, planned.children?.length);
    t.equal(found.message === undefined, planned.message === undefined);
    planned.children?.forEach((child, index) => compare(child, found.children![index]!, bytes));
    if (planned.message) compare(planned.message, found.message!, bytes);
  };
  fc.assert(
    fc.property(seeds, (seed) => {
      const { bytes, root } = generateMessage(seed);
      compare(root, walk(bytes), bytes);
      return t.passing();
    }),
    { numRuns: 300 },
  );
  t.end();
});

await t.test('the structure does not depend on how the bytes are divided', (t) => {
  const messages = fc.oneof(
    anyBytes,
    seeds.map((seed) => generateMessage(seed).bytes),
  );
  fc.assert(
    fc.property(
      messages,
      fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1 }),
      (bytes, sizes) => {
        const walker = new MimeWalker();
        for (let start = 0, turn = 0; start < bytes.length; turn++) {
          // A run of empty chunks must end too.
          const size =
            turn % sizes.length === 0 ? Math.max(1, sizes[0]!) : sizes[turn % sizes.length]!;
          walker.push(bytes.subarray(start, start + size));
          start += size;
        }
        const expected = JSON.stringify(walk(bytes));
        return (
          JSON.stringify(walker.finish()) === expected &&
          JSON.stringify(walk(bytes, 1)) === expected
        );
      },
    ),
    { numRuns: 1000 },
  );
  t.end();
});

/** What holds for the structure of any bytes; an empty list. */
function faults(bytes: Buffer): string[] {
  const root = walk(bytes);
  const found: string[] = [];
  if (root.headerStart !== 0 || root.end !== bytes.length)
    found.push('the root is not the message');
  for (const part of allParts(root)) {
    const { headerStart, bodyStart, end, lineCount, children, message } = part;
    if (headerStart > bodyStart || bodyStart > end) found.push('a part ends before it begins');
    if (lineCount !== lineFeeds(bytes, bodyStart, end)) found.push('wrong line count');
    if ((part.type === 'multipart') !== (children !== undefined))
      found.push('children of no multipart');
    if (message && (message.headerStart !== bodyStart || message.end !== end)) {
      found.push('a message is not the body of its part');
    }
    let last = bodyStart;
    for (const child of children ?? []) {
      if (child.headerStart < last || child.end > end)
        found.push('a child is outside of its multipart');
      last = child.end;
    }
  }
  return found;
}

await t.test('ranges nest and counts agree for any bytes', (t) => {
  fc.assert(
    fc.property(anyBytes, (bytes) => faults(bytes).length === 0),
    { numRuns: 3000 },
  );
  t.end();
});

await t.test('what is sent is grammatical for any bytes', (t) => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const root = walk(bytes);
      parseBody(writeBodyStructure(root), true);
      parseBody(writeBody(root), false);
      for (const part of allParts(root)) {
        if (part.envelope !== undefined) parseEnvelope(part.envelope);
      }
      return !/[^\0-\xff]/.test(writeBodyStructure(root) + root.envelope!);
    }),
    { numRuns: 3000 },
  );
  t.end();
});

await t.test('a structure survives JSON', (t) => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const root = walk(bytes);
      return (
        writeBodyStructure(JSON.parse(JSON.stringify(root)) as MimePart) ===
        writeBodyStructure(root)
      );
    }),
  );
  t.end();
});

/** Part numbers of all parts below a message or multipart. */
function numbered(part: MimePart, prefix: number[]): { part: MimePart; numbers: number[] }[] {
  const children = part.children ?? [part];
  return children.flatMap((child, index) => {
    const numbers = [...prefix, index + 1];
    const below = child.message ?? (child.children && child !== part ? child : undefined);
    return [{ part: child, numbers }, ...(below ? numbered(below, numbers) : [])];
  });
}

const slice = (bytes: Buffer, numbers: number[], kind: 'all' | 'mime' | 'header' | 'text') => {
  const range = resolveSection(walk(bytes), { part: numbers, text: { kind } });
  return range && bytes.toString('latin1', range.start, range.end);
};

await t.test('sections reassemble to the message', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        seeds.map((seed) => generateMessage(seed).bytes),
        anyBytes,
      ),
      (bytes) => {
        const root = walk(bytes);
        const text = bytes.toString('latin1');
        if (slice(bytes, [], 'header')! + slice(bytes, [], 'text')! !== text) return false;
        return numbered(root, []).every(({ part, numbers }) => {
          const whole = slice(bytes, numbers, 'mime')! + slice(bytes, numbers, 'all')!;
          if (whole !== text.slice(part.headerStart, part.end)) return false;
          if (!part.message) return true;
          const { message } = part;
          const inner = slice(bytes, numbers, 'header')! + slice(bytes, numbers, 'text')!;
          return inner === text.slice(message.headerStart, message.end);
        });
      },
    ),
    { numRuns: 400 },
  );
  t.end();
});

await t.test('between the parts of a multipart stand only delimiters', (t) => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const { bytes } = generateMessage(seed);
      return allParts(walk(bytes)).every(({ children, parameters }) => {
        const boundary = parameters.find(([name]) => name === 'boundary')?.[1];
        return (children ?? []).slice(1).every((child, index) => {
          const gap = bytes.toString('latin1', children![index]!.end, child.headerStart);
          return gap.replaceAll('\r\n', '\n') === `\n--${boundary}\n`;
        });
      });
    }),
    { numRuns: 300 },
  );
  t.end();
});

await t.test('fields named and fields not named together are the header', (t) => {
  fc.assert(
    fc.property(
      anyBytes,
      fc.subarray(['from', 'TO', 'subject', 'Content-Type', 'x']),
      (bytes, names) => {
        const header = bytes.subarray(0, walk(bytes).bodyStart);
        const fields = parseHeader(header);
        const blank = header.length - (fields.at(-1)?.end ?? 0);
        const kept =
          filterHeader(header, names, false).length + filterHeader(header, names, true).length;
        return kept === header.length + blank && blank <= 2;
      },
    ),
    { numRuns: 1000 },
  );
  t.end();
});
