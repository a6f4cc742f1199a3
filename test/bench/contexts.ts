// What searches and sorts cost whose clients follow their results (CONTEXT=SEARCH, CONTEXT=SORT):
//
//     npm run bench -- contexts [messages]
//
// 100,000 messages unless told otherwise. The bytes of memory of a context; the server's CPU for a change of one message's flags,
// with an idling client that follows none, one or 32 searches; and for a change of all, which moves all in and out of a search and of
// a sorted list, with the longest NOOP of another client meanwhile: how long the longest piece of the work holds others up.
import { setTimeout as delay } from 'node:timers/promises';
import { UnsortedMembers } from '../../server/imap/contexts/context-members.ts';
import { SortedMembers } from '../../server/imap/contexts/sorted-members.ts';
import type { MailboxFeed } from '../../server/imap/mailbox-feed.ts';
import { Turn } from '../../store/turns.ts';
import { makeSelfSignedCertificate } from '../../tls/certificates/self-signed.ts';
import { logIn, password } from './everyday-timing.ts';
import type { ImapConnection } from './load/imap-connection.ts';
import type { Peer } from './peers/peer.ts';
import { startReprise } from './peers/reprise.ts';

const messageCount = Number(process.argv[2] ?? 100_000);
const appendedAtOnce = 1_000;
const changes = 400;

const uids = Uint32Array.from({ length: messageCount }, (_, index) => index + 1);
const turn = new Turn({ flush: () => undefined, ready: () => Promise.resolve() });
const searched = await UnsortedMembers.of(uids, turn);
const sorted = await SortedMembers.of({} as MailboxFeed, [], uids, turn);
console.log(
  `${messageCount} results: ${searched.sizeBytes} bytes, sorted ${sorted.sizeBytes} bytes`,
);

const credential = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
const peer = await startReprise({ credential, workerCount: 1, password });
try {
  const [follower, writer, bystander] = [await logIn(peer), await logIn(peer), await logIn(peer)];
  await fill(writer);
  for (const client of [follower, writer]) await client.ok('SELECT INBOX');
  for (const count of [0, 1, 32]) {
    await follower.ok('SELECT INBOX');
    for (let index = 0; index < count; index++) {
      await follower.ok(`SEARCH RETURN (UPDATE) ${index % 2 === 0 ? 'UNSEEN' : 'FLAGGED'}`);
    }
    const cpuMs = await changeOne(peer, follower, writer);
    console.log(`one message, ${count} searches followed: ${cpuMs.toFixed(3)} ms of CPU a change`);
  }
  for (const search of [
    'SEARCH RETURN (UPDATE) UNSEEN',
    'SORT RETURN (UPDATE) (SUBJECT) UTF-8 UNSEEN',
    'SORT RETURN (UPDATE) (REVERSE DATE) UTF-8 ALL',
  ]) {
    await follower.ok('SELECT INBOX');
    const longest = [await during(bystander, () => follower.ok(search))];
    const startCpuMs = await peer.cpuMs();
    for (const sign of ['+', '-']) {
      await writer.ok(`STORE 1:* ${sign}FLAGS.SILENT (\\Seen)`);
      longest.push(await during(bystander, () => follower.ok('NOOP')));
    }
    const cpuMs = (await peer.cpuMs()) - startCpuMs;
    const told = longest.map((ms) => `${ms.toFixed(1)} ms`).join(', ');
    console.log(
      `all messages twice, ${search}: ${cpuMs.toFixed(0)} ms of CPU; longest NOOP ${told}`,
    );
  }
} finally {
  await peer.stop();
}

async function fill(client: ImapConnection): Promise<void> {
  for (let start = 0; start < messageCount; start += appendedAtOnce) {
    const length = Math.min(appendedAtOnce, messageCount - start);
    const messages = Array.from({ length }, (_, index) =>
      Buffer.from(`Subject: Question ${((start + index) * 7919) % 10_007}\r\n\r\nText\r\n`),
    );
    await client.appendAll('INBOX', messages, true);
  }
}

/** CPU of the server for a change, with what the follower is told while it idles. */
async function changeOne(
  server: Peer,
  follower: ImapConnection,
  writer: ImapConnection,
): Promise<number> {
  await follower.idle();
  await writer.ok('STORE 1 +FLAGS.SILENT (\\Flagged \\Seen)');
  const startCpuMs = await server.cpuMs();
  for (let index = 0; index < changes; index++) {
    const sign = index % 2 === 0 ? '-' : '+';
    await writer.ok(`STORE 1 ${sign}FLAGS.SILENT (\\Flagged \\Seen)`);
  }
  await delay(200);
  const cpuMs = ((await server.cpuMs()) - startCpuMs) / changes;
  follower.send('DONE\r\n');
  await follower.ok('NOOP');
  return cpuMs;
}

/** The longest NOOP of a client, one behind the other, while another works. */
async function during(client: ImapConnection, work: () => Promise<unknown>): Promise<number> {
  let longestMs = 0;
  let isDone = false;
  const working = work().finally(() => {
    isDone = true;
  });
  while (!isDone) {
    const startMs = performance.now();
    await client.ok('NOOP');
    longestMs = Math.max(longestMs, performance.now() - startMs);
  }
  await working;
  return longestMs;
}
