import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { MimePart } from '../../protocol/mime/mime-structure.ts';
import { MimeWalker } from '../../protocol/mime/mime-walker.ts';
import { packStructure, unpackStructure } from '../../store/packed-structure.ts';
import { generateMessage } from '../fixtures/mail-generator.ts';

const mailFolder = join(import.meta.dirname, '../fixtures/mail');

function walk(bytes: Uint8Array): MimePart {
  const walker = new MimeWalker();
  walker.push(bytes);
  return walker.finish();
}

/** What is packed of a structure: all but the message's own envelope. */
function packed(structure: MimePart): MimePart {
  const { envelope: _, ...rest } = structure;
  return rest;
}

await t.test('what is packed is what was walked', (t) => {
  const corpus = readdirSync(mailFolder).filter((name) => name.endsWith('.eml'));
  for (const name of corpus) {
    const structure = walk(readFileSync(join(mailFolder, name)));
    t.strictSame(unpackStructure(packStructure(structure)), packed(structure), name);
  }
  for (let seed = 0; seed < 200; seed++) {
    const structure = walk(generateMessage(seed).bytes);
    t.strictSame(unpackStructure(packStructure(structure)), packed(structure), `seed ${seed}`);
  }
  t.end();
});

await t.test('every field of a part', (t) => {
  const part: MimePart = {
    headerStart: 10,
    bodyStart: 30,
    end: 400,
    lineCount: 7,
    type: 'message',
    subtype: 'rfc822',
    parameters: [
      ['a', 'b'],
      ['c', ''],
    ],
    encoding: '8bit',
    id: '<id>',
    description: 'd\u00e9j\u00e0 "vu"\\',
    md5: 'md5',
    disposition: { type: 'attachment', parameters: [['filename', 'x']] },
    languages: ['en', 'fr'],
    location: 'here',
    message: {
      ...walk(Buffer.from('Subject: within\r\n\r\nx')),
      headerStart: 30,
      bodyStart: 50,
      end: 400,
    },
  };
  t.match(part.message!.envelope, /within/);
  t.strictSame(unpackStructure(packStructure(part)), part);
  // No field is at the end that has fields before it.
  const { disposition, id, ...plain } = part;
  for (const fields of [
    {},
    { disposition },
    { id },
    { children: [plain] },
    { children: [plain], id },
  ]) {
    const { message: _, ...leaf } = plain;
    const tried = { ...leaf, ...fields } as MimePart;
    t.strictSame(unpackStructure(packStructure(tried)), tried, Object.keys(fields).join());
  }
  t.end();
});

await t.test('it is short', (t) => {
  const text = 'Subject: a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nx\r\n';
  t.equal(
    packStructure(walk(Buffer.from(text))),
    '[0,55,3,1,"text","plain",["charset","utf-8"],"7bit"]',
  );
  t.end();
});
