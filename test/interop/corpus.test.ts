// The hand-checked corpus once around: filed, kept in the store, fetched by section over the wire.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { ImapClient } from '../fixtures/imap-client.ts';
import { startMailServer } from '../fixtures/mail-server.ts';
import type { WireResponse } from '../fixtures/response-reader.ts';
import { parseBody, parseEnvelope } from '../protocol/mime/wire-grammar.ts';

/** Answers that were worked out by hand. */
interface Expected {
  readonly envelope: unknown;
  readonly bodyStructure: unknown;
  /** Texts by section specification; null where the section does not exist. */
  readonly sections: Readonly<Record<string, string | null>>;
}

const directory = join(import.meta.dirname, '../fixtures/mail');
const server = await startMailServer(t);
const client = await server.login();
await client.ok('CREATE corpus');
const names = (await readdir(directory))
  .filter((name) => name.endsWith('.eml'))
  .map((name) => name.slice(0, -4));

await t.test('the corpus is there', async (t) => {
  t.ok(names.length >= 25, `${names.length} messages`);
});

let sequenceNumber = 0;
for (const name of names) {
  await t.test(name, async (t) => {
    const message = await readFile(join(directory, `${name}.eml`));
    const json = await readFile(join(directory, `${name}.expected.json`), 'utf8');
    const expected = JSON.parse(json) as Expected;
    const appended = await client.command('APPEND corpus', message);
    if (message.length === 0) {
      t.equal(appended.status, 'NO', appended.text);
      return;
    }
    t.equal(appended.status, 'OK', appended.text);
    sequenceNumber++;
    await client.ok('SELECT corpus');

    const whole = await fetchOne(client, 'BODY.PEEK[]');
    t.ok(whole.literals[0]?.equals(asSent(message)), 'byte for byte');
    t.match(whole.text, new RegExp(`\\{${message.length}\\}`));
    t.same(parseEnvelope(itemText(await fetchOne(client, 'ENVELOPE'))), expected.envelope);
    const structure = itemText(await fetchOne(client, 'BODYSTRUCTURE'));
    t.same(parseBody(structure, true), expected.bodyStructure);
    for (const [section, content] of Object.entries(expected.sections)) {
      const response = await fetchOne(client, `BODY.PEEK[${section}]`);
      t.equal(sectionText(response), content?.replaceAll('\0', '\x80') ?? null, `BODY[${section}]`);
    }
  });
}

/** A literal cannot have NUL. */
function asSent(message: Buffer): Buffer {
  return Buffer.from(message.toString('latin1').replaceAll('\0', '\x80'), 'latin1');
}

async function fetchOne(session: ImapClient, item: string): Promise<WireResponse> {
  const { untagged } = await session.ok(`FETCH ${sequenceNumber} ${item}`);
  const response = untagged.find(({ text }) => text.includes(' FETCH ('));
  if (response === undefined) throw new Error(`FETCH ${item} was not answered`);
  return response;
}

/** What follows the item's name in `* n FETCH (NAME …)`, with literals as they were on the wire. */
function itemText({ text, literals }: WireResponse): string {
  let index = 0;
  const whole = text.replaceAll(/\{(\d+)\}/g, (marker, size: string) => {
    const literal = literals[index];
    if (literal === undefined || literal.length !== Number(size)) return marker;
    index++;
    return `${marker}\r\n${literal.toString('latin1')}`;
  });
  return whole.replace(/^\* \d+ FETCH \(\S+ /, '').slice(0, -1);
}

/** The content of one section; null for NIL. */
function sectionText({ text, literals }: WireResponse): string | null {
  const content = /\] (?:(NIL)|"(.*)"|\{\d+\})\)$/s.exec(text);
  if (content === null) throw new Error(`Malformed response "${text}"`);
  if (content[1] !== undefined) return null;
  return content[2]?.replaceAll(/\\(.)/g, '$1') ?? literals[0]?.toString('latin1') ?? '';
}
