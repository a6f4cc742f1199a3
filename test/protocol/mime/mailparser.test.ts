import { simpleParser, type AddressObject, type ParsedMail } from 'mailparser';
import t from 'tap';
import { decodeEncodedWords } from '../../../protocol/mime/encoded-words.ts';
import type { MimePart } from '../../../protocol/mime/mime-structure.ts';
import { decodePartBytes, decodePartText } from '../../../protocol/mime/part-text.ts';
import { generateMessage, makeVariedMail } from '../../fixtures/mail-generator.ts';
import { readCorpus } from './corpus.ts';
import { walk } from './walk.ts';
import { parseEnvelope, type WireData } from './wire-grammar.ts';

const textTypes = ['text/plain', 'text/html', 'message/delivery-status'];

/** Parts that mailparser calls attachments: what is not text to be shown. Messages are not looked into. */
function attachments(part: MimePart, numbers: number[] = []): [MimePart, string][] {
  if (part.children) {
    return part.children.flatMap((child, index) => attachments(child, [...numbers, index + 1]));
  }
  const isText = textTypes.includes(`${part.type}/${part.subtype}`);
  const isShown = isText && (part.disposition?.type ?? 'inline') === 'inline';
  return isShown ? [] : [[part, numbers.join('.')]];
}

/** The aspects in which mailparser and we see a message alike, each as one value to compare. */
interface View {
  readonly structure: unknown;
  readonly subject: string;
  readonly addresses: unknown;
}

function ourView(bytes: Buffer): View {
  const root = walk(bytes);
  const [, subject, from, , , to, cc] = parseEnvelope(root.envelope!) as WireData[];
  return {
    structure: attachments(root).map(([part, number]) => [
      `${part.type}/${part.subtype}`,
      decodePartBytes(part, bytes.subarray(part.bodyStart, part.end)).length,
      number,
    ]),
    subject: decodeEncodedWords((subject as string | null) ?? ''),
    addresses: [from, to, cc].map((list) =>
      ((list ?? []) as (string | null)[][]).flatMap(ourAddress),
    ),
  };
}

function ourAddress([name, , mailbox, host]: (string | null)[]): string[] {
  if (host === null) return [];
  return [`${decodeEncodedWords(name ?? '')} ${mailbox}${host === '' ? '' : `@${host}`}`];
}

const theirPart = (attachment: ParsedMail['attachments'][number]) => [
  attachment.contentType,
  attachment.size,
  (attachment as { partId?: string | null }).partId ?? '',
];

function theirView(mail: ParsedMail): View {
  return {
    structure: mail.attachments.map(theirPart),
    subject: mail.subject ?? '',
    addresses: [mail.from, mail.to, mail.cc].map((field) =>
      [field ?? []].flat().flatMap(theirAddresses),
    ),
  };
}

function theirAddresses({ value }: AddressObject): string[] {
  return value.flatMap((entry) =>
    (entry.group ?? [entry]).map((one) => `${one.name} ${one.address}`),
  );
}

async function parse(bytes: Buffer): Promise<ParsedMail> {
  return simpleParser(bytes, { skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true });
}

for (const { name, bytes, expected } of readCorpus()) {
  await t.test(`corpus: ${name}`, async (t) => {
    const ours = ourView(bytes);
    const theirs = theirView(await parse(bytes));
    for (const aspect of ['structure', 'subject', 'addresses'] as const) {
      const why = expected.mailparserDiffers?.[aspect];
      // A note that is not true any more must go, so that the aspect is compared again.
      if (why === undefined) t.strictSame(ours[aspect], theirs[aspect], aspect);
      else t.strictNotSame(ours[aspect], theirs[aspect], `${aspect}: ${why}`);
    }
  });
}

await t.test('text of messages that are only text', async (t) => {
  let count = 0;
  for (const { bytes } of makeVariedMail(100, { seed: 2 })) {
    const root = walk(bytes);
    if (root.type !== 'text') continue;
    const { text } = await parse(bytes);
    const ours = decodePartText(root, bytes.subarray(root.bodyStart, root.end));
    t.equal(ours.replaceAll('\r\n', '\n'), text);
    count++;
  }
  t.ok(count > 10);
});

await t.test('generated trees', async (t) => {
  for (let seed = 0; seed < 150; seed++) {
    const { bytes } = generateMessage(seed);
    t.strictSame(ourView(bytes), theirView(await parse(bytes)), `seed ${seed}`);
  }
});

await t.test('varied mail', async (t) => {
  for (const { index, bytes } of makeVariedMail(100)) {
    t.strictSame(ourView(bytes), theirView(await parse(bytes)), `message ${index}`);
  }
});
