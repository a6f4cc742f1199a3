import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { StoreAdministration } from '../../../server/control/store-administration.ts';
import { importMessages, type ImportReport } from '../../../server/import/import-messages.ts';
import type { ImportSource, SourceMessage } from '../../../server/import/import-source.ts';
import type { ImportTarget } from '../../../server/import/import-target.ts';
import { SeenMessages } from '../../../server/import/seen-messages.ts';
import type { MailboxKey, MailStore } from '../../../store/mail-store.ts';
import { openSqliteStore } from '../../../store/sqlite/open.ts';
import {
  readSome,
  readUids,
  requireMailbox,
} from '../../fixtures/mail-store-contract/store-steps.ts';
import { readAll, sha256 } from './read-all.ts';

const report = { onProgress: () => undefined, onRefused: () => undefined, onLoss: () => undefined };

const internalDate = { epochMs: 0, zoneMinutes: 0 };

function bytesOf(text: string): Buffer {
  return Buffer.from(`Subject: test\r\n\r\n${text}`);
}

/** One run, which knows nothing of those before it. */
async function importAll(source: ImportSource, target: ImportTarget, told: ImportReport = report) {
  const seen = new SeenMessages();
  try {
    return await importMessages(source, target, seen, told);
  } finally {
    seen.close();
  }
}

function sourceOf(texts: readonly string[]): ImportSource {
  const messages = texts.map((text): SourceMessage => {
    const bytes = bytesOf(text);
    return {
      sha256: sha256(bytes),
      sizeBytes: bytes.length,
      flags: [],
      internalDate,
      origin: text,
      async *read() {
        yield bytes;
      },
    };
  });
  return {
    mailboxName: 'INBOX',
    totalUnits: messages.length,
    async *messages(told) {
      for (const [index, message] of messages.entries()) {
        told.onProgress(index + 1);
        yield message;
      }
    },
  };
}

/** A real store with an account, and what an import into its INBOX needs. */
async function setUp(t: Test) {
  const dataDirectory = t.testdir();
  const store = await openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
  t.teardown(() => store.close());
  const account = await store.createAccount('alice', { argon2id: '', scramSha256: '' });
  const inbox = await requireMailbox(store, account.id, 'INBOX');
  const target = await new StoreAdministration(store).openImport('alice', 'INBOX');
  /** One run, which knows nothing of those before it. */
  const run = (texts: readonly string[], through: ImportTarget = target) =>
    importAll(sourceOf(texts), through);
  /** As a client puts a message there. */
  const deliver = async (text: string) => {
    const draft = store.beginMessage();
    await draft.write(bytesOf(text));
    await draft.addTo(inbox, { flags: [], internalDate });
  };
  return { dataDirectory, store, inbox, target, run, deliver };
}

async function bodies(store: MailStore, box: MailboxKey): Promise<string[]> {
  const texts: string[] = [];
  for (const { bodyId, sizeBytes } of await readSome(store, box, await readUids(store, box))) {
    const bytes = await readAll(store.readBody(bodyId, 0, sizeBytes));
    texts.push(bytes.toString().split('\r\n\r\n')[1] ?? '');
  }
  return texts;
}

await t.test(
  'a second run imports nothing twice, and equal messages are all imported',
  async (t) => {
    const { store, inbox, run } = await setUp(t);
    t.match(await run(['a', 'b', 'a', 'c']), { added: 4, skipped: 0, refused: 0 });
    t.match(await run(['a', 'b', 'a', 'c']), { added: 0, skipped: 4, refused: 0 });
    t.strictSame(await bodies(store, inbox), ['a', 'b', 'a', 'c']);
    t.match(await run(['a', 'b', 'a', 'c', 'a', 'd']), { added: 2, skipped: 4, refused: 0 });
    t.strictSame(await bodies(store, inbox), ['a', 'b', 'a', 'c', 'a', 'd']);
  },
);

await t.test('a restored store does not know what was imported after its backup', async (t) => {
  const { dataDirectory, store, run } = await setUp(t);
  await run(['before']);
  await store.close();
  const path = join(dataDirectory, 'mail.db');
  const backup = join(dataDirectory, 'kept.db');
  copyFileSync(path, backup);
  const importAgain = async () => {
    const reopened = await openSqliteStore({ dataDirectory, collectIntervalMs: 0 });
    try {
      const target = await new StoreAdministration(reopened).openImport('alice', 'INBOX');
      return await run(['before', 'a', 'b'], target);
    } finally {
      await reopened.close();
    }
  };
  t.match(await importAgain(), { added: 2, skipped: 1 });
  t.match(await importAgain(), { added: 0, skipped: 3 });
  copyFileSync(backup, path);
  t.match(await importAgain(), { added: 2, skipped: 1 });
});

await t.test('two imports at one time add nothing twice', async (t) => {
  const { store, inbox, target, run } = await setUp(t);
  const texts = Array.from({ length: 100 }, (_, index) => `${index % 60}`);
  // As if each had asked before the other has added anything.
  const blind: ImportTarget = {
    ...bound(target),
    countImported: async (sha256s) => sha256s.map(() => 0),
  };
  const counts = await Promise.all([run(texts, blind), run(texts, blind)]);
  t.equal(counts[0].added + counts[1].added, 100);
  t.equal(counts[0].skipped + counts[1].skipped, 100);
  t.strictSame((await bodies(store, inbox)).toSorted(), texts.toSorted());
});

await t.test('what a client has deleted since does not come back', async (t) => {
  const { store, inbox, run } = await setUp(t);
  await run(['a', 'b']);
  const uids = await readUids(store, inbox);
  await store.storeFlags(inbox, uids, { mode: 'add', flags: ['\\Deleted'] });
  await store.expungeMessages(inbox, undefined);
  t.match(await run(['a', 'b', 'c']), { added: 1, skipped: 2, refused: 0 });
  t.strictSame(await bodies(store, inbox), ['c']);
});

await t.test('more messages than one step takes, in order', async (t) => {
  const { store, inbox, run } = await setUp(t);
  const texts = Array.from(
    { length: 300 },
    (_, index) => `${index % 100} ${'x'.repeat(index * 40)}`,
  );
  texts[150] = 'large '.repeat(1_000_000);
  t.match(await run(texts), { added: 300 });
  t.strictSame(await bodies(store, inbox), texts);
  t.match(await run(texts), { added: 0, skipped: 300 });
});

await t.test('killed after the store had the messages and before it was told', async (t) => {
  const { store, inbox, target, run } = await setUp(t);
  const killed: ImportTarget = {
    ...bound(target),
    addMessages: async (messages) => {
      await target.addMessages(messages);
      throw new Error('killed');
    },
  };
  await run(['a']);
  await t.rejects(run(['a', 'b', 'c', 'b'], killed), { message: 'killed' });
  t.match(await run(['a', 'b', 'c', 'b']), { added: 0, skipped: 4, refused: 0 });
  t.strictSame(await bodies(store, inbox), ['a', 'b', 'c', 'b']);
});

await t.test('killed when the store had only some of them', async (t) => {
  const { store, inbox, target, run } = await setUp(t);
  const killed: ImportTarget = {
    ...bound(target),
    addMessages: async (messages) => {
      await target.addMessages(messages.slice(0, 2));
      throw new Error('killed');
    },
  };
  await t.rejects(run(['b', 'c', 'b'], killed));
  t.match(await run(['b', 'c', 'b']), { added: 1, skipped: 2, refused: 0 });
  t.strictSame(await bodies(store, inbox), ['b', 'c', 'b']);
});

await t.test(
  'killed before the store had any; an equal message from before does not count',
  async (t) => {
    const { store, inbox, target, run, deliver } = await setUp(t);
    const killed: ImportTarget = {
      ...bound(target),
      addMessages: async () => {
        throw new Error('killed');
      },
    };
    await deliver('a');
    await t.rejects(run(['a', 'b'], killed));
    t.match(await run(['a', 'b']), { added: 2, skipped: 0, refused: 0 });
    t.strictSame(await bodies(store, inbox), ['a', 'a', 'b']);
  },
);

await t.test('a refused message is told and tried again by the next run', async (t) => {
  const { run, target } = await setUp(t);
  const refusing: ImportTarget = {
    ...bound(target),
    addMessages: async (messages) => {
      const [first, ...others] = messages;
      if (first === undefined) return [];
      return [{ kind: 'refused', reason: 'no' }, ...(await target.addMessages(others))];
    },
  };
  t.match(await run(['a', 'b'], refusing), { added: 1, skipped: 0, refused: 1 });
  t.match(await run(['a', 'b']), { added: 1, skipped: 1, refused: 0 });
});

await t.test('a message whose file changed or went away is refused, and it alone', async (t) => {
  const { store, inbox, target } = await setUp(t);
  const gone = Object.assign(new Error('gone'), { code: 'ENOENT', errno: -2 });
  const becomes = (bytes: string) =>
    async function* () {
      yield Buffer.from(bytes);
    };
  const source = sourceOf(['a', 'gone', 'shorter', 'other', 'b']);
  const reads: Record<string, SourceMessage['read']> = {
    gone: async function* () {
      yield Buffer.from('Subject');
      throw gone;
    },
    shorter: becomes('Subject: test\r\n'),
    other: becomes('Subject: test\r\n\r\nOTHER'),
  };
  const refused: string[] = [];
  const counts = await importAll(
    {
      ...source,
      async *messages(report) {
        for await (const message of source.messages(report)) {
          yield { ...message, read: reads[message.origin] ?? message.read };
        }
      },
    },
    target,
    { ...report, onRefused: (origin, reason) => void refused.push(`${origin}: ${reason}`) },
  );
  t.match(counts, { added: 2, refused: 3 });
  t.strictSame(refused, [
    'gone: It cannot be read: no such file or directory',
    'shorter: It changed while it was being read',
    'other: It changed while it was being read',
  ]);
  t.strictSame(await bodies(store, inbox), ['a', 'b']);
});

await t.test('as many bytes as announced are given, for a server waits for them', async (t) => {
  const { target } = await setUp(t);
  const source = sourceOf(['gone', 'longer', 'whole']);
  const reads: Record<string, SourceMessage['read']> = {
    gone: async function* () {
      yield Buffer.from('Sub');
      throw Object.assign(new Error('gone'), { code: 'ENOENT', errno: -2 });
    },
    longer: async function* () {
      yield Buffer.from('Subject: test\r\n\r\nlonger');
      yield Buffer.alloc(100_000);
    },
  };
  const changed: ImportSource = {
    ...source,
    async *messages(told) {
      for await (const message of source.messages(told)) {
        yield { ...message, read: reads[message.origin] ?? message.read };
      }
    },
  };
  const counting: ImportTarget = {
    ...bound(target),
    addMessages: async (messages) => {
      for (const message of messages) {
        t.equal((await readAll(message.read())).length, message.sizeBytes);
      }
      return target.addMessages(messages);
    },
  };
  t.match(await importAll(changed, counting), { added: 2, refused: 1 });
});

/** The methods of a target as an object that can be spread. */
function bound(target: ImportTarget): ImportTarget {
  return {
    key: target.key,
    countImported: (sha256s) => target.countImported(sha256s),
    addMessages: (messages) => target.addMessages(messages),
  };
}
