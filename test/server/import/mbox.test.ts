import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { array, assert, asyncProperty, constantFrom } from 'fast-check';
import t, { type Test } from 'tap';
import { type SourceMessage } from '../../../server/import/import-source.ts';
import { openMbox } from '../../../server/import/mbox.ts';
import { readAll, sha256 } from './read-all.ts';

const fromLine = 'From a@example.com Tue Mar  5 12:00:00 2024\n';

async function scan(t: Test, content: string) {
  const path = join(t.testdir(), 'mbox');
  writeFileSync(path, content, 'latin1');
  const source = await openMbox(path, 'Archive');
  const progress: number[] = [];
  const messages: SourceMessage[] = [];
  for await (const message of source.messages((units) => progress.push(units))) {
    messages.push(message);
  }
  return { path, source, progress, messages };
}

await t.test('messages, each with its own octets', async (t) => {
  const { source, messages, progress, path } = await scan(
    t,
    `${fromLine}Subject: one\n\nfirst\n>From quoted\n\n` +
      `${fromLine}Subject: two\n\n\n${fromLine}Subject: three\r\n\r\nlast`,
  );
  t.equal(source.mailboxName, 'Archive');
  t.equal(progress.at(-1), source.totalUnits);
  const texts = await Promise.all(messages.map((message) => readAll(message.read())));
  t.strictSame(
    texts.map((text) => text.toString()),
    [
      'Subject: one\r\n\r\nfirst\r\nFrom quoted\r\n',
      'Subject: two\r\n\r\n',
      'Subject: three\r\n\r\nlast',
    ],
  );
  for (const [index, message] of messages.entries()) {
    const text = texts[index] ?? Buffer.alloc(0);
    t.equal(message.sizeBytes, text.length);
    t.equal(message.sha256, sha256(text));
  }
  t.equal(messages[0]?.origin, `${path} at octet ${fromLine.length}`);
});

await t.test('text that begins with "From " but has no date stays text', async (t) => {
  const { messages } = await scan(t, `${fromLine}A: b\n\nFrom here on\n\nFrom me\n`);
  t.equal(messages.length, 1);
});

await t.test('flags come from Status and X-Status', async (t) => {
  const { messages } = await scan(
    t,
    `${fromLine}Status: RO\nX-Status: AF\n\nx\n\n` +
      `${fromLine}X-Status:\n DT\nStatus: O\n\nStatus: R\n\n${fromLine}A: b\n\nx\n`,
  );
  t.strictSame(
    messages.map((message) => message.flags),
    [['\\Seen', '\\Answered', '\\Flagged'], ['\\Deleted', '\\Draft'], []],
  );
});

await t.test('the internal date comes from the From_ line, or else from Date', async (t) => {
  const { messages } = await scan(
    t,
    `${fromLine}Date: Wed, 6 Mar 2024 00:00:00 +0000\n\nx\n\n` +
      `From - Thu Jan  1 00:00:00 1970\nDate: Wed, 6 Mar 2024 01:00:00 +0100\n\nx\n`,
  );
  t.strictSame(messages[0]?.internalDate, { epochMs: Date.UTC(2024, 2, 5, 12), zoneMinutes: 0 });
  t.strictSame(messages[1]?.internalDate, { epochMs: Date.UTC(2024, 2, 6), zoneMinutes: 60 });
});

await t.test('the folder data of c-client is passed over', async (t) => {
  const { messages } = await scan(
    t,
    `${fromLine}Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\n\nx\n\n` +
      `${fromLine}Subject: mail\nX-IMAP: 1 2\n\nx\n`,
  );
  t.equal(messages.length, 1);
  t.match((await readAll(messages[0]?.read() ?? [])).toString(), 'Subject: mail');
});

await t.test('a message that is longer than what is read at once', async (t) => {
  const body = `${'y'.repeat(70)}\n`.repeat(20_000) + 'z'.repeat(300_000);
  const { messages } = await scan(t, `${fromLine}A: b\n\n${body}\n\n${fromLine}C: d\n\nx\n`);
  t.equal(messages.length, 2);
  const text = await readAll(messages[0]?.read() ?? []);
  t.equal(sha256(text), messages[0]?.sha256);
  t.equal(text.length, 'A: b\r\n\r\n'.length + body.length + 20_000 + 2);
});

await t.test('an empty file has no messages, and what is no mbox is refused', async (t) => {
  t.equal((await scan(t, '')).messages.length, 0);
  await t.rejects(scan(t, 'Subject: a message\n\nx\n'), {
    name: 'ImportSourceError',
    message: /as an mbox/,
  });
  await t.rejects(openMbox('/nowhere', 'INBOX'), { code: 'ENOENT' });
});

await t.test('whatever is quoted into an mboxrd comes out of it again', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'reprise-mbox-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'mbox');
  const line = constantFrom(
    '',
    'x',
    '>',
    'From me',
    '>From me',
    '>>From me',
    '> From',
    fromLine.trim(),
  );
  const body = array(line, { maxLength: 8 });
  await assert(
    asyncProperty(array(body, { maxLength: 5 }), async (bodies) => {
      const quoted = bodies.map((lines) => lines.map((text) => text.replace(/^(>*From )/, '>$1')));
      const mails = quoted.map(
        (lines) => `${fromLine}A: b\n\n${lines.map((text) => `${text}\n`).join('')}\n`,
      );
      writeFileSync(path, mails.join(''));
      const found: string[] = [];
      for await (const message of (await openMbox(path, 'INBOX')).messages(() => undefined)) {
        found.push((await readAll(message.read())).toString());
      }
      const expected = bodies.map((lines) => ['A: b', '', ...lines, ''].join('\r\n'));
      t.strictSame(found, expected);
    }),
    { numRuns: 200 },
  );
});
