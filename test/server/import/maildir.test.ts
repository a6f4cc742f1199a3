import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { importLimits } from '../../../server/import/limits.ts';
import { openMaildir } from '../../../server/import/maildir.ts';
import { printablePath } from '../../../server/import/message-file.ts';
import { readAll, sha256 } from './read-all.ts';
import { drain } from './source-steps.ts';

/** The only folder of a Maildir. */
function openInbox(root: string, mailboxName = 'INBOX') {
  const { folders } = openMaildir(root, mailboxName);
  t.equal(folders.length, 1);
  return folders[0];
}

function namesOf(root: string, mailboxName: string): string[] {
  return openMaildir(root, mailboxName)
    .folders.map((folder) => folder.mailboxName)
    .toSorted();
}

/** The only folder of a Maildir, read. */
async function drainInbox(root: string) {
  return drain(openInbox(root));
}

await t.test('messages of cur and new, oldest first, with flags', async (t) => {
  const root = t.testdir({
    cur: {
      '1700000300.M1.host:2,FRS': 'A: 3\n\nx\n',
      '1700000100.M1.host:2,': 'A: 1\n\nx\n',
      '1700000400.M1.host:2,DPTZ': 'A: 4\n\nx\n',
      'noname;2,S': 'A: 0\n\nx\n',
      '.hidden': 'no',
    },
    new: { '1700000200.M1.host': 'A: 2\n\nx\n' },
    tmp: { '1700000500.M1.host': 'no' },
  });
  const inbox = openInbox(root, 'Archive');
  t.match(inbox, { mailboxName: 'Archive', totalUnits: 5 });
  const { messages, texts, progress } = await drain(inbox);
  t.strictSame(progress, [1, 2, 3, 4, 5]);
  t.strictSame(
    texts,
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
  t.equal(messages[1]?.sha256, sha256(Buffer.from(texts[1] ?? '')));
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
  const { messages } = await drainInbox(root);
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
  });
  t.strictSame(namesOf(root, 'INBOX'), ['Entwürfe', 'INBOX', 'Lists/Node', 'Sent']);
  t.strictSame(namesOf(root, 'Old'), ['Old', 'Old/Entwürfe', 'Old/Lists/Node', 'Old/Sent']);
});

await t.test('directories with names of their own, as LAYOUT=fs has them, and KMail', async (t) => {
  const folder = () => ({ cur: {}, new: {}, tmp: {} });
  const root = t.testdir({
    Sent: folder(),
    Work: { '2024.05': folder(), 'Entw&APw-rfe': { ...folder(), deep: { er: folder() } } },
    Lists: folder(),
    '.Lists.directory': { Node: folder() },
    nothing: { here: {} },
    subscriptions: '',
  });
  const fsNames = [
    'Lists',
    'Lists/Node',
    'Sent',
    'Work/2024.05',
    'Work/Entwürfe',
    'Work/Entwürfe/deep/er',
  ];
  t.strictSame(namesOf(root, 'INBOX'), fsNames, 'the INBOX can be elsewhere');
  mkdirSync(join(root, 'new'));
  t.strictSame(namesOf(`${root}/`, 'INBOX'), ['INBOX', ...fsNames]);
  t.strictSame(openMaildir(root, 'INBOX').losses, []);
});

await t.test('subscriptions in both versions and both layouts', async (t) => {
  const folder = () => ({ cur: {} });
  const root = t.testdir({
    dotted: { ...folder(), '.Work.2024': folder(), '.Sent': folder() },
    fs: { ...folder(), Work: { '2024': folder(), 'a.b': folder() } },
  });
  const [dotted, fs] = [join(root, 'dotted'), join(root, 'fs')];
  const read = (maildir: string, text: string, mailboxName = 'INBOX') => {
    writeFileSync(join(maildir, 'subscriptions'), text);
    return openMaildir(maildir, mailboxName).subscriptions;
  };
  t.strictSame(read(dotted, 'V\t2\n\nSent\nWork\t2024\nEntw&APw-rfe\nINBOX\n'), [
    'Sent',
    'Work/2024',
    'Entwürfe',
    'INBOX',
  ]);
  t.strictSame(read(dotted, 'Work.2024\nINBOX.Sent\nGone.away\nINBOX\n'), [
    'Work/2024',
    'Sent',
    'Gone/away',
    'INBOX',
  ]);
  t.strictSame(read(fs, 'Work/2024\nWork/a.b\nGone/a.b\n'), ['Work/2024', 'Work/a.b', 'Gone/a.b']);
  t.strictSame(read(fs, 'V\t2\n\nWork\ta.b\nINBOX\n', 'Old'), ['Old/Work/a.b', 'Old']);
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
    const names = namesOf(root, 'INBOX');
    t.ok(names.every((name) => !name.includes('/')));
    t.ok(names.includes('c_d_'));
  },
);

await t.test('a directory that is no Maildir is refused', async (t) => {
  const root = t.testdir({ cur: 'a file', other: { new: 'a file' } });
  t.throws(() => openMaildir(root, 'INBOX'), {
    name: 'ImportSourceError',
    message: /neither it nor a directory in it/,
  });
});

await t.test('keywords have their names in dovecot-keywords', async (t) => {
  const root = t.testdir({
    'dovecot-keywords': '0 $Forwarded\n1 $label1\n2 Work\n3 no "keyword"\n',
    cur: {
      '1700000100.a:2,Sbc': 'A: 1\n\n',
      '1700000200.b:2,abz': 'A: 2\n\n',
      '1700000300.c:2,dz': 'A: 3\n\n',
    },
    new: { '1700000400.d:2,Fa': 'A: 4\n\n' },
    '.Sent': { 'dovecot-keywords': '0 Other\n', cur: { '1700000100.a:2,a': 'A: 1\n\n' } },
  });
  const [inbox, sent] = openMaildir(root, 'INBOX').folders;
  const { messages, losses, refused } = await drain(inbox);
  t.strictSame(
    messages.map((message) => message.flags),
    [['\\Seen', '$label1', 'Work'], ['$Forwarded', '$label1'], [], ['\\Flagged', '$Forwarded']],
  );
  const list = join(root, 'dovecot-keywords');
  t.strictSame(losses, [
    `${list}: The keyword of the letter "z" in file names is not known`,
    `${list}: "no "keyword"" cannot be a keyword`,
  ]);
  t.strictSame(refused, []);
  t.strictSame((await drain(sent)).messages[0]?.flags, ['Other']);
});

await t.test('files that a mail program moves meanwhile are found', async (t) => {
  const names = Array.from({ length: 30 }, (_, index) => `17000001${index + 10}.a`);
  const root = t.testdir({ cur: {}, new: Object.fromEntries(names.map((name) => [name, name])) });
  const inbox = openInbox(root);
  const texts: string[] = [];
  const refused: string[] = [];
  const report = {
    onProgress: () => undefined,
    onRefused: (origin: string) => refused.push(origin),
    onDeleted: () => undefined,
    onLoss: () => undefined,
  };
  for await (const message of inbox?.messages(report) ?? []) {
    texts.push((await readAll(message.read())).toString());
    if (texts.length === 10) {
      for (const name of names)
        renameSync(join(root, 'new', name), join(root, 'cur', `${name}:2,S`));
      // A new file of the same name is another message; a removed one is gone.
      rmSync(join(root, 'cur', `${names[0]}:2,S`));
      rmSync(join(root, 'cur', `${names[29]}:2,S`));
      writeFileSync(join(root, 'cur', `${names[0]}:2,`), 'again');
      writeFileSync(join(root, 'new', '1700000999.z'), 'came in');
    }
  }
  t.strictSame(texts.toSorted(), [...names.slice(0, 29), 'again', 'came in'].toSorted());
  t.strictSame(refused, [join(root, 'new', names[29] ?? '')]);
});

await t.test('a large message that moves before it is read again', async (t) => {
  const large = 'x'.repeat(importLimits.maxKeptBytes + 1);
  const root = t.testdir({ cur: {}, new: { '1700000100.a': large } });
  const inbox = openInbox(root);
  const { messages } = await drain(inbox);
  renameSync(join(root, 'new/1700000100.a'), join(root, 'cur/1700000100.a:2,S'));
  t.equal((await readAll(messages[0]?.read() ?? [])).length, large.length);
});

await t.test('names and paths that are not UTF-8', async (t) => {
  const root = t.testdir({ cur: {} });
  const latin1 = (name: string) =>
    Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, 'latin1')]);
  writeFileSync(latin1('cur/1700000100.\xe9\xff:2,S'), 'A: 1\n\n');
  mkdirSync(latin1('.Entw\xfcrfe'));
  mkdirSync(latin1('.Entw\xfcrfe/cur'));
  writeFileSync(latin1('.Entw\xfcrfe/cur/1700000200.\x1b[31m\xe9'), '');
  const [inbox, drafts] = openMaildir(root, 'INBOX').folders;
  const { messages, texts } = await drain(inbox);
  t.strictSame(texts, ['A: 1\r\n\r\n']);
  t.strictSame(messages[0]?.flags, ['\\Seen']);
  t.equal(drafts?.mailboxName, 'Entwürfe');
  t.strictSame((await drain(drafts)).refused, [
    `${root}/.Entw\\xFCrfe/cur/1700000200.\\x1B[31m\\xE9: It is empty`,
  ]);
  t.equal(printablePath(Buffer.from('ü\n').toString('latin1')), 'ü\\x0A');
});

await t.test('what is no message is named and neither followed nor waited for', async (t) => {
  const root = t.testdir({
    secret: 'root:x',
    cur: { '1700000100.a': 'A: 1\n\n', '1700000200.directory': {}, '1700000300.empty': '' },
    '.Sent': { cur: { '1700000100.a': 'A: 1\n\n' } },
    elsewhere: { mail: { cur: {} } },
  });
  execFileSync('mkfifo', [join(root, 'cur/1700000400.fifo')]);
  symlinkSync(join(root, 'secret'), join(root, 'cur/1700000500.link'));
  symlinkSync('/dev/zero', join(root, 'cur/1700000600.device'));
  linkSync(join(root, 'cur/1700000100.a'), join(root, 'cur/1700000700.hard'));
  symlinkSync(join(root, '.Sent'), join(root, '.Linked'));
  symlinkSync(join(root, '.Sent/cur'), join(root, 'new'));
  symlinkSync(join(root, 'elsewhere'), join(root, '.other'));
  writeFileSync(join(root, 'cur/1700000800.large'), '');
  truncateSync(join(root, 'cur/1700000800.large'), importLimits.maxMessageBytes + 1);
  const { folders, losses } = openMaildir(root, 'INBOX');
  const { texts, refused } = await drain(folders[0]);
  t.strictSame(texts, ['A: 1\r\n\r\n', 'A: 1\r\n\r\n']);
  const link = 'It is a symbolic link, which is not followed';
  const nameOf = (line: string) => line.replace(`${root}/`, '');
  t.strictSame(refused.map(nameOf).toSorted(), [
    'cur/1700000200.directory: It is a directory',
    'cur/1700000300.empty: It is empty',
    'cur/1700000400.fifo: It is no regular file',
    `cur/1700000500.link: ${link}`,
    `cur/1700000600.device: ${link}`,
    'cur/1700000800.large: It is larger than 67108864 bytes',
  ]);
  t.strictSame(
    losses.map(({ origin, reason }) => nameOf(`${origin}: ${reason}`)),
    [`.Linked: ${link}`, `new: ${link}`],
  );
});

await t.test('what a file was replaced with after it was listed is not followed', async (t) => {
  const root = t.testdir({
    secret: 'root:x',
    cur: { '1700000100.a': 'A: 1\n\n', '1700000200.b': 'A: 2\n\n', '1700000300.c': 'A: 3\n\n' },
  });
  const inbox = openInbox(root);
  const [link, fifo] = [join(root, 'cur/1700000100.a'), join(root, 'cur/1700000200.b')];
  rmSync(link);
  symlinkSync(join(root, 'secret'), link);
  rmSync(fifo);
  execFileSync('mkfifo', [fifo]);
  const { texts, refused } = await drain(inbox);
  t.strictSame(texts, ['A: 3\r\n\r\n']);
  t.strictSame(refused, [
    `${link}: It is a symbolic link, which is not followed`,
    `${fifo}: It is no regular file`,
  ]);
});

await t.test('compressed messages are decompressed, or named', async (t) => {
  const text = 'A: 1\n\nx\n';
  const xz = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 1]);
  const large = gzipSync(Buffer.alloc(importLimits.maxMessageBytes + 1));
  const root = t.testdir({
    cur: {
      '1700000100.gzip:2,S': gzipSync(text),
      '1700000200.zstd:2,SZ': zstdCompressSync(text),
      '1700000300.two': Buffer.concat([gzipSync('A: 1\n'), gzipSync('\nx\n')]),
      '1700000400.xz': xz,
      '1700000500.cut': gzipSync(text).subarray(0, -9),
      '1700000600.cut': zstdCompressSync(text).subarray(0, -4),
      '1700000700.large': large,
      '1700000800.last': text,
    },
  });
  const { texts, refused } = await drainInbox(root);
  const expected = text.replaceAll('\n', '\r\n');
  t.strictSame(texts, [expected, expected, expected, expected]);
  t.equal(refused.length, 4);
  t.match(refused[0], /xz: It is compressed \(xz\), decompress it first$/);
  t.match(refused[1], /500\.cut: It cannot be decompressed: unexpected end of file$/);
  t.match(refused[2], /600\.cut: It cannot be decompressed: /);
  t.match(refused[3], /large: It is larger than 67108864 bytes$/);
});

await t.test('what may not be read is named', async (t) => {
  // Not below the project, which need not be open to others.
  const root = mkdtempSync(join(tmpdir(), 'reprise-maildir-'));
  t.teardown(() => rmSync(root, { recursive: true }));
  chmodSync(root, 0o755);
  for (const name of ['cur', '.Locked/cur', '.Half/cur', '.Half/new']) {
    mkdirSync(join(root, name), { recursive: true });
  }
  for (const name of ['cur/1700000100.a', 'cur/1700000200.b', '.Half/new/1700000300.c']) {
    writeFileSync(join(root, name), `A: ${name.at(-1)}\n\n`);
  }
  const [file, folder, cur] = ['cur/1700000100.a', '.Locked', '.Half/cur'].map((name) =>
    join(root, name),
  ) as [string, string, string];
  for (const path of [file, folder, cur]) chmodSync(path, 0);
  const denied = 'It cannot be read: permission denied';
  await withoutPrivileges(async () => {
    const { folders, losses } = openMaildir(root, 'INBOX');
    const [inbox, half] = await Promise.all(folders.map(drain));
    t.strictSame(inbox?.texts, ['A: b\r\n\r\n']);
    t.strictSame(inbox?.refused, [`${file}: ${denied}`]);
    t.strictSame(losses, [{ origin: folder, reason: denied }]);
    t.strictSame(half?.texts, ['A: c\r\n\r\n']);
    t.strictSame(half?.refused, [`${cur}: ${denied}`]);
    t.throws(() => openMaildir(folder, 'INBOX'), { message: /as a Maildir: .*permission denied$/ });
  });
  for (const path of [folder, cur]) chmodSync(path, 0o700);
});

/** Root may read whatever the mode of a file says, so it becomes somebody else meanwhile. */
async function withoutPrivileges(action: () => Promise<void>): Promise<void> {
  const userId = process.geteuid?.();
  if (userId === 0) process.seteuid?.(65_534);
  try {
    await action();
  } finally {
    if (userId === 0) process.seteuid?.(userId);
  }
}
