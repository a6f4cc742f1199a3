import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { ImportSource, SourceMessage } from '../../../server/import/import-source.ts';
import { openMaildir } from '../../../server/import/maildir.ts';
import { readAll, sha256 } from './read-all.ts';

async function messagesOf(source: ImportSource | undefined): Promise<SourceMessage[]> {
  const messages: SourceMessage[] = [];
  for await (const message of source?.messages(() => undefined) ?? []) messages.push(message);
  return messages;
}

await t.test('messages of cur and new, oldest first, with flags', async (t) => {
  const root = t.testdir({
    cur: {
      '1700000300.M1.host:2,FRS': 'A: 3\n\nx\n',
      '1700000100.M1.host:2,': 'A: 1\n\nx\n',
      '1700000400.M1.host:2,DPTZa': 'A: 4\n\nx\n',
      'noname;2,S': 'A: 0\n\nx\n',
      '.hidden': 'no',
    },
    new: { '1700000200.M1.host': 'A: 2\n\nx\n' },
    tmp: { '1700000500.M1.host': 'no' },
  });
  const [inbox, ...others] = await openMaildir(root, 'Archive');
  t.strictSame(others, []);
  t.match(inbox, { mailboxName: 'Archive', totalUnits: 5 });
  const messages = await messagesOf(inbox);
  const texts = await Promise.all(messages.map((message) => readAll(message.read())));
  t.strictSame(
    texts.map((text) => text.toString()),
    [0, 1, 2, 3, 4].map((number) => `A: ${number}\r\n\r\nx\r\n`),
  );
  t.strictSame(
    messages.map((message) => message.flags),
    [
      ['\\Seen'],
      [],
      [],
      ['\\Flagged', '\\Answered', '\\Seen'],
      ['\\Draft', '$Forwarded', '\\Deleted'],
    ],
  );
  t.equal(messages[1]?.sha256, sha256(texts[1] ?? Buffer.alloc(0)));
  t.equal(messages[1]?.sizeBytes, texts[1]?.length);
});

await t.test('the internal date is the older of the name and the file', async (t) => {
  const root = t.testdir({
    cur: {
      '1700000100.newer-file': 'x',
      '1700000200.older-file': 'x',
      unnamed: 'x',
    },
  });
  utimesSync(join(root, 'cur/1700000100.newer-file'), 1_800_000_000, 1_800_000_000);
  utimesSync(join(root, 'cur/1700000200.older-file'), 1_600_000_000, 1_600_000_000);
  utimesSync(join(root, 'cur/unnamed'), 1_500_000_000, 1_500_000_000);
  const messages = await messagesOf((await openMaildir(root, 'INBOX'))[0]);
  t.strictSame(
    messages.map((message) => message.internalDate.epochMs / 1000),
    [1_500_000_000, 1_700_000_100, 1_600_000_000],
  );
});

await t.test('subfolders become children, or mailboxes of their own under INBOX', async (t) => {
  const folder = () => ({ cur: {}, new: {} });
  const root = t.testdir({
    ...folder(),
    '.Sent': folder(),
    '.Lists.Node': folder(),
    '.Entw&APw-rfe': folder(),
    '.notamaildir': { other: {} },
    plain: folder(),
  });
  const names = async (mailboxName: string) =>
    (await openMaildir(root, mailboxName)).map((source) => source.mailboxName).toSorted();
  t.strictSame(await names('INBOX'), ['Entwürfe', 'INBOX', 'Lists/Node', 'Sent']);
  t.strictSame(await names('Old'), ['Old', 'Old/Entwürfe', 'Old/Lists/Node', 'Old/Sent']);
});

await t.test(
  'a separator or wildcard inside a level cannot break the hierarchy (Q234395)',
  async (t) => {
    const folder = () => ({ cur: {} });
    // "&AC8-" would be "/" but is not how it is encoded, so the text stays; "*" cannot be in a name.
    const root = t.testdir({
      ...folder(),
      '.a&AC8-b': folder(),
      '.c*d%': folder(),
      '.R&AOk-s&JSk-': folder(),
    });
    const names = (await openMaildir(root, 'INBOX')).map((source) => source.mailboxName);
    t.ok(names.every((name) => !name.includes('/')));
    t.ok(names.includes('c_d_'));
  },
);

await t.test(
  'a directory that is no Maildir is refused; a file that goes away is passed over',
  async (t) => {
    const root = t.testdir({ cur: { '1700000100.a': 'x', '1700000200.b': 'x' } });
    const [source] = await openMaildir(root, 'INBOX');
    rmSync(join(root, 'cur/1700000100.a'));
    t.equal((await messagesOf(source)).length, 1);
    const other = join(root, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'cur'), '');
    await t.rejects(openMaildir(other, 'INBOX'), { name: 'ImportSourceError' });
  },
);
