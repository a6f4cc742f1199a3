import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { array, assert, asyncProperty, constantFrom } from 'fast-check';
import t, { type Test } from 'tap';
import { openMbox } from '../../../server/import/mbox.ts';
import { readAll, sha256 } from './read-all.ts';
import { drain } from './source-steps.ts';

const fromLine = 'From a@example.com Tue Mar  5 12:00:00 2024\n';

async function scan(t: Test, content: string) {
  const path = join(t.testdir(), 'mbox');
  writeFileSync(path, content, 'latin1');
  const source = await openMbox(path, 'Archive');
  return { path, source, ...(await drain(source)) };
}

await t.test('messages, each with its own bytes', async (t) => {
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
  t.equal(messages[0]?.origin, `${path} at byte ${fromLine.length}`);
});

await t.test('text that begins with "From " but has no date stays text', async (t) => {
  const { messages } = await scan(t, `${fromLine}A: b\n\nFrom here on\n\nFrom me\n`);
  t.equal(messages.length, 1);
});

await t.test('a From_ line begins a message after an empty line only', async (t) => {
  const paragraph = 'From 5 March 2024 12:00 on we were friends.\n';
  const other = await scan(t, `${fromLine}A: b\n\n${paragraph}\n${paragraph}\nend\n`);
  t.strictSame(other.texts, [`A: b\n\n${paragraph}\n${paragraph}\nend\n`.replaceAll('\n', '\r\n')]);
  t.strictSame(other.losses, []);

  const text = `A: b\n\nhe wrote:\n${fromLine}> Hi\n`;
  const { texts, losses, path } = await scan(t, `${fromLine}${text}\n${fromLine}C: d\n\nx\n\n`);
  t.strictSame(texts, [text.replaceAll('\n', '\r\n'), 'C: d\r\n\r\nx\r\n']);
  const at = `${path} at byte ${fromLine.length + 'A: b\n\nhe wrote:\n'.length}`;
  t.strictSame(losses, [
    `${at}: The line looks like the start of a message, but the line before is not empty: it was kept as text`,
  ]);
});

await t.test('a Content-Length that fits says where the text ends, as with Dovecot', async (t) => {
  const body = `y\n\n${fromLine}Subject: quoted\n\nend\n`;
  const mail = (length: number) => `${fromLine}Subject: x\nContent-Length: ${length}\n\n${body}`;
  const fits = body.length;
  const other = `${fromLine}A: b\n\nx\n`;
  const count = async (content: string) => (await scan(t, content)).texts.length;
  const whole = await scan(t, `${mail(fits)}\n${other}`);
  t.equal(whole.texts.length, 2);
  t.match(whole.texts[0], /\r\n\r\nFrom a@example\.com .*\r\nSubject: quoted\r\n\r\nend\r\n$/);
  t.equal(await count(`${mail(fits)}\n`), 1, 'at the end of the file');
  t.equal(await count(`${mail(fits)}${other}`), 2, 'without an empty line');
  t.equal(await count(`${mail(fits + 1)}\n${other}`), 2, 'which counts the empty line');
  t.equal(await count(`${mail(fits - 1)}x\n\n${other}`), 3, 'a wrong one');
  t.equal(await count(`${mail(fits + 1000)}\n${other}`), 3, 'one beyond the end');
});

await t.test('From_ lines without a date, as Thunderbird writes them', async (t) => {
  const { texts, messages } = await scan(
    t,
    'From \r\nDate: Wed, 6 Mar 2024 01:00:00 +0100\r\n\r\nFrom \r\n\r\n' +
      'From \r\nA: b\r\n\r\n>From \r\n\r\n',
  );
  t.strictSame(texts, [
    'Date: Wed, 6 Mar 2024 01:00:00 +0100\r\n\r\n',
    '\r\n',
    'A: b\r\n\r\nFrom \r\n',
  ]);
  t.strictSame(messages[0]?.internalDate, { epochMs: Date.UTC(2024, 2, 6), zoneMinutes: 60 });
});

await t.test(
  'what mutt, Python and cat leave before the first line and between files',
  async (t) => {
    const mail = `${fromLine}A: b\n\nx\n\n`;
    t.equal((await scan(t, `\n\n${mail}\n\n${mail}`)).messages.length, 2);
  },
);

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

await t.test('keywords, and what Thunderbird notes', async (t) => {
  const mail = (bits: string, more = '') =>
    `${fromLine}X-Mozilla-Status: ${bits}\nX-Mozilla-Status2: 00800000\n${more}Subject: ${bits}\n\nx\n\n`;
  const { messages, texts, deleted, refused, losses } = await scan(
    t,
    mail('0001') +
      mail('0009') +
      mail('1006', 'X-Mozilla-Keys: $label1 Work                         \n') +
      mail('0000', 'Status: RO\nX-Keywords: Work\n  $Junk $Junk\n'),
  );
  t.strictSame(
    messages.map((message) => message.flags),
    [
      ['\\Seen'],
      ['\\Answered', '\\Flagged', '$Forwarded', '$label1', 'Work'],
      ['\\Seen', 'Work', '$Junk'],
    ],
  );
  t.strictSame(
    texts,
    ['0001', '1006', '0000'].map((bits) => `Subject: ${bits}\r\n\r\nx\r\n`),
  );
  t.equal(deleted, 1, 'the one that Thunderbird has deleted');
  t.strictSame([refused, losses], [[], []]);
});

await t.test('a message is the same one after it was read and marked', async (t) => {
  const before = await scan(t, `${fromLine}X-Mozilla-Status: 0000\nA: b\nStatus: O\n\nx\n\n`);
  const after = await scan(t, `${fromLine}X-Mozilla-Status: 0005\nA: b\nStatus: RO\n\nx\n\n`);
  t.equal(after.messages[0]?.sha256, before.messages[0]?.sha256);
  t.not(after.messages[0]?.flags.length, before.messages[0]?.flags.length);
});

await t.test('a keyword that cannot be one is told', async (t) => {
  const { messages, losses, path } = await scan(
    t,
    `${fromLine}X-Keywords: good ${'x'.repeat(200)}\n\nx\n\n${fromLine}A: b\n\nx\n`,
  );
  t.strictSame(messages[0]?.flags, ['good']);
  t.strictSame(losses, [
    `${path} at byte ${fromLine.length}: "${'x'.repeat(200)}" cannot be a keyword`,
  ]);
});

await t.test('messages that APPEND refuses are refused, and the others come', async (t) => {
  const large = `${'y'.repeat(1023)}\n`.repeat(66_000);
  const { messages, refused, path } = await scan(
    t,
    `${fromLine}A: 1\n\nx\n\n${fromLine}${large}\n${fromLine}A: 2\n\nx\n\n${fromLine}`,
  );
  t.equal(messages.length, 2);
  t.strictSame(
    refused.map((text) => text.replace(path, 'mbox').replace(/\d+:/, 'n:')),
    ['mbox at byte n: It is larger than 67108864 bytes', 'mbox at byte n: It is empty'],
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

await t.test('a FIFO does not hang, and a compressed file is no mbox', async (t) => {
  const directory = t.testdir();
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  await t.rejects(openMbox(fifo, 'INBOX'), { message: /it is no regular file/ });
  const path = join(directory, 'mbox.gz');
  writeFileSync(path, gzipSync(`${fromLine}A: b\n\nx\n`));
  await t.rejects(openMbox(path, 'INBOX'), { message: /it is compressed \(gzip\)/ });
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
      const found = (await drain(await openMbox(path, 'INBOX'))).texts;
      const expected = bodies.map((lines) => ['A: b', '', ...lines, ''].join('\r\n'));
      t.strictSame(found, expected);
    }),
    { numRuns: 200 },
  );
});
