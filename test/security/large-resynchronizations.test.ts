// What a client can say that it knows (QRESYNC, RFC 7162, section 3.2.5) is as long as a line at most. What fits is looked at once,
// however it is written.
import t from 'tap';
import { limitsAfterLogin, maxNumber } from '../../protocol/limits.ts';
import { appendMessages, startImapService, texts } from '../fixtures/imap-service.ts';
import type { ImapClient } from '../fixtures/imap-client.ts';

const { newClient } = await startImapService(t);

/** Every second UID, in so many bytes of text about. */
function uidsIn(bytes: number): string {
  const uids: number[] = [];
  for (let length = 0, uid = 1; length < bytes; uid += 2) {
    uids.push(uid);
    length += String(uid).length + 1;
  }
  return uids.join(',');
}

/** A mailbox with the UIDs 1 to 6, of which 2 and 3 are gone and 4 to 6 flagged since the client left it. */
async function makeMailbox(): Promise<{ client: ImapClient; known: string }> {
  const client = await newClient();
  await client.ok('ENABLE QRESYNC');
  await appendMessages(client, 'INBOX', 'one', 'two', 'three', 'four', 'five', 'six');
  const told = texts(await client.ok('SELECT INBOX')).join('\n');
  const validity = /UIDVALIDITY (\d+)/.exec(told)?.[1];
  const modseq = /HIGHESTMODSEQ (\d+)/.exec(told)?.[1];
  await client.ok('UID STORE 2:3 +FLAGS.SILENT (\\Deleted)');
  await client.ok('EXPUNGE');
  await client.ok('UID STORE 4:6 +FLAGS.SILENT (\\Flagged)');
  return { client, known: `${validity} ${modseq}` };
}

/** UIDs that SELECT tells to be gone, and those that it tells to have changed. */
async function toldBy(client: ImapClient, parameter: string) {
  const lines = texts(await client.ok(`SELECT INBOX (QRESYNC (${parameter}))`));
  return {
    gone: lines.flatMap((line) => /^\* VANISHED \(EARLIER\) (\S+)$/.exec(line)?.[1] ?? []),
    changed: lines.flatMap((line) => /^\* \d+ FETCH \(UID (\d+)/.exec(line)?.[1] ?? []),
  };
}

await t.test('a longer line is refused, and the mailbox stays selected', async (t) => {
  const { client, known } = await makeMailbox();
  for (const bytes of [limitsAfterLogin.lineBytes, 400_000]) {
    const uids = uidsIn(bytes);
    for (const parameter of [`${known} ${uids}`, `${known} 1:9 (${uids} ${uids})`]) {
      t.match(await client.command(`SELECT INBOX (QRESYNC (${parameter}))`), {
        status: 'BAD',
        text: `Line is longer than ${limitsAfterLogin.lineBytes} bytes`,
        untagged: [],
      });
    }
    t.same(texts(await client.ok('UID SEARCH ALL')), ['* SEARCH 1 4 5 6']);
  }
});

await t.test('as much as a line has room for is taken', async (t) => {
  const { client, known } = await makeMailbox();
  const some = uidsIn(60_000);
  t.ok(some.split(',').length > 10_000);
  t.same(await toldBy(client, `${known} ${some}`), { gone: ['3'], changed: ['5'] });
  const overlapping = Array.from({ length: 4_000 }, (_, index) => `${index + 3}:${maxNumber}`);
  t.same(await toldBy(client, `${known} ${overlapping.join(',')}`), {
    gone: ['3'],
    changed: ['4', '5', '6'],
  });
  const same = Array.from({ length: 30_000 }, () => '6').slice(0, 16_384);
  t.same(await toldBy(client, `${known} ${same.join(',')}`), { gone: [], changed: ['6'] });
});

await t.test('messages that it may know by number and UID are counted, not listed', async (t) => {
  const { client, known } = await makeMailbox();
  const all = `1:${maxNumber}`;
  t.same(await toldBy(client, `${known} ${all} (${all} ${all})`), {
    gone: ['2:3'],
    changed: ['4', '5', '6'],
  });
  const some = uidsIn(30_000);
  const count = some.split(',').length;
  t.same(await toldBy(client, `${known} ${all} (${some} 1:${count})`), {
    gone: ['2:3'],
    changed: ['4', '5', '6'],
  });
  t.match(
    await client.command(`SELECT INBOX (QRESYNC (${known} ${all} (${some} 1:${count + 1})))`),
    {
      status: 'BAD',
      text: `Expected ${count} UIDs for the numbers, got ${count + 1}`,
    },
  );
});
