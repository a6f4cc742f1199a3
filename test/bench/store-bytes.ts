// Bytes on disk for each byte of mail, without an index of texts, beside Dovecot's mdbox:
//
//     npm run bench -- store-bytes [messages] [plain|long-headers] [dovecot|alone]
//
// 10,000 messages as in the bench "everyday" unless told otherwise; with `long-headers` each has 3 KB of them. The store is
// closed before its files are looked at. What each table and index takes of the file is told, its share of free space
// within pages included.
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openStore } from '../../store/open-store.ts';
import { makeSelfSignedCertificate } from '../../tls/certificates/self-signed.ts';
import { makeScene } from '../fixtures/mail-store-contract/store-steps.ts';
import { everydayMail, fillEveryday } from './everyday-mail.ts';
import { mebibyte, printFigure } from './figures.ts';
import { ImapConnection } from './load/imap-connection.ts';
import { startDovecot } from './peers/dovecot.ts';
import { PeerMissingError } from './peers/peer.ts';
import { positionalOf } from './settings.ts';

const [messages = '10000', kindName = 'plain', peerNames = 'dovecot'] = positionalOf(
  process.argv.slice(2),
);
const messageCount = Number(messages);
const kind = kindName === 'plain' ? 'plain' : 'long headers';
const password = 'correct-horse';
const bound = 1.1;
/** Drafts that wait for the disk together. */
const addedAtOnce = 100;

let mailBytes = 0;
for (const message of everydayMail(messageCount, kind)) mailBytes += message.length;
console.log(`${messages} messages of ${(mailBytes / mebibyte).toFixed(1)} MiB, ${kind}`);
await measureStore();
if (peerNames === 'dovecot') await measureDovecot();

async function measureStore(): Promise<void> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'reprise-bench-'));
  try {
    await fillStore(dataDirectory);
    const bytes = await bytesOnDisk(dataDirectory);
    printFigure('Reprise, bytes on disk a byte of mail', bytes / mailBytes, '', { atMost: bound });
    tellTables(join(dataDirectory, 'mail.db'));
  } finally {
    await rm(dataDirectory, { recursive: true });
  }
}

async function fillStore(dataDirectory: string): Promise<void> {
  const { store, close } = await openStore({ engine: 'sqlite', dataDirectory });
  try {
    const { inbox } = await makeScene(store);
    let adding: Promise<unknown>[] = [];
    for (const message of everydayMail(messageCount, kind)) {
      const draft = store.beginMessage();
      await draft.write(message);
      const internalDate = { epochMs: 1_600_000_000_000, zoneMinutes: 0 };
      adding.push(draft.addTo(inbox, { flags: ['\\Seen'], internalDate }));
      if (adding.length === addedAtOnce) {
        await Promise.all(adding);
        adding = [];
      }
    }
    await Promise.all(adding);
  } finally {
    await close();
  }
}

/** Largest first. */
function tellTables(path: string): void {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const rows = database
      .prepare(
        `SELECT name, sum(pgsize) AS bytes, sum(unused) AS unused FROM dbstat
         GROUP BY name ORDER BY bytes DESC`,
      )
      .all() as { name: string; bytes: number; unused: number }[];
    for (const { name, bytes, unused } of rows) {
      if (bytes < mailBytes / 1000) continue;
      const free = ((100 * unused) / bytes).toFixed(0);
      printFigure(`  ${name}, ${free} % of it unused`, bytes / mailBytes, '');
    }
    const free = database.prepare('PRAGMA freelist_count').get() as { freelist_count: number };
    printFigure('  free pages', free.freelist_count, '');
  } finally {
    database.close();
  }
}

async function measureDovecot(): Promise<void> {
  const credential = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
  try {
    const dovecot = await startDovecot({ credential, password, mailFormat: 'mdbox' });
    try {
      const client = await ImapConnection.connect({ port: dovecot.port, security: 'tls' });
      await client.ok(`LOGIN alice ${password}`);
      await fillEveryday(client, messageCount, { kind, hasMultiAppend: true });
      client.close();
      const bytes = await bytesOnDisk(dovecot.mailPath);
      printFigure('Dovecot (mdbox), bytes on disk a byte of mail', bytes / mailBytes, '');
    } finally {
      await dovecot.stop();
    }
  } catch (error) {
    if (!(error instanceof PeerMissingError)) throw error;
    console.log(`Dovecot is skipped: ${error.message}`);
  }
}

/** What the files below a directory take of the disk, in whole blocks. */
async function bytesOnDisk(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true });
  const sizes = entries.map(async (name) => (await stat(join(directory, name))).blocks * 512);
  return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0);
}
