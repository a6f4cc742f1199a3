// Times of SORT and THREAD, and the CPU that they cost the server, beside Dovecot with the same mail in the same run:
//
//     npm run bench -- sort [messages]
//
// 100,000 messages unless told otherwise, in a mailbox of conversations of up to 16. `first`: nobody has sorted or threaded the
// mailbox before on this server. `warm`: the best of five, which go by turns to the servers, after that; Dovecot has its cache and
// index by then. `longest NOOP`: of a second client of the same thread of Reprise, one NOOP behind the other while the first
// command runs: how long the longest piece of its work holds others up, with whatever else the machine does.
import { makeSelfSignedCertificate } from '../../tls/certificates/self-signed.ts';
import { logIn, password } from './everyday-timing.ts';
import type { ImapConnection } from './load/imap-connection.ts';
import { startDovecot } from './peers/dovecot.ts';
import { type Peer, PeerMissingError } from './peers/peer.ts';
import { startReprise } from './peers/reprise.ts';

const commands = [
  'SORT (REVERSE DATE) UTF-8 ALL',
  'SORT (SUBJECT) UTF-8 ALL',
  'SORT (FROM REVERSE DATE) UTF-8 ALL',
  'THREAD REFERENCES UTF-8 ALL',
  'THREAD REFS UTF-8 ALL',
  'THREAD ORDEREDSUBJECT UTF-8 ALL',
];
const messageCount = Number(process.argv[2] ?? 100_000);
const conversationMessages = 16;
const appendedAtOnce = 1_000;
const warmRuns = 5;
const firstSentMs = Date.UTC(2020, 0, 1, 8);

interface Run {
  readonly ms: number;
  readonly cpuMs: number;
}

const peers: Peer[] = [];
try {
  const credential = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
  peers.push(await startReprise({ credential, workerCount: 1, password }));
  peers.push(await startDovecot({ credential, password, mailFormat: 'mdbox' }));
  const clients: ImapConnection[] = [];
  for (const peer of peers) clients.push(await fill(peer));
  const bystander = await logIn(peers[0]!);
  console.log(`${messageCount} messages: Reprise, Dovecot, ratio of time; CPU of both, ratio`);
  for (const command of commands) {
    const [longestMs, ...first] = await runFirst(command, clients, bystander);
    tell(command, 'first', first, `longest NOOP ${longestMs.toFixed(1)} ms`);
    const best: Run[] = [];
    for (let round = 0; round < warmRuns; round++) {
      for (const [index, client] of clients.entries()) {
        const run = await time(peers[index]!, client, command);
        if (best[index] === undefined || run.ms < best[index].ms) best[index] = run;
      }
    }
    tell(command, 'warm', best);
  }
} catch (error) {
  if (!(error instanceof PeerMissingError)) throw error;
  console.log(`Skipped: ${error.message}`);
} finally {
  await Promise.all(peers.map((peer) => peer.stop()));
}

/** Fills INBOX; resolves to a client that has selected it. */
async function fill(peer: Peer): Promise<ImapConnection> {
  const startMs = performance.now();
  const client = await logIn(peer);
  for (let start = 0; start < messageCount; start += appendedAtOnce) {
    const length = Math.min(appendedAtOnce, messageCount - start);
    const messages = Array.from({ length }, (_, index) => messageOf(start + index));
    await client.appendAll('INBOX', messages, peer.hasMultiAppend);
  }
  await client.ok('SELECT INBOX');
  console.log(`${peer.name}: filled in ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  return client;
}

/** Conversations go on beside each other: each message replies to one of those before it in its conversation. */
function messageOf(number: number): Buffer {
  const beside = Math.max(1, Math.floor(messageCount / conversationMessages));
  const [conversation, place] = [number % beside, Math.floor(number / beside)];
  const ids = Array.from({ length: place }, (_, index) => idOf(conversation + index * beside));
  const sent = new Date(firstSentMs + number * 60_000).toUTCString().replace('GMT', '+0000');
  return Buffer.from(
    [
      `Date: ${sent}`,
      `From: Person ${number % 997} <person${number % 997}@mail.example>`,
      'To: reader@mail.example',
      `Subject: ${place === 0 ? '' : 'Re: '}Question ${conversation}`,
      `Message-ID: ${idOf(number)}`,
      ...(ids.length === 0
        ? []
        : [`In-Reply-To: ${ids.at(-1)}`, `References: ${ids.join('\r\n ')}`]),
      '',
      `Answer ${number}.`,
      '',
    ].join('\r\n'),
  );
}

function idOf(number: number): string {
  return `<message.${number}@mail.example>`;
}

async function runFirst(
  command: string,
  clients: readonly ImapConnection[],
  bystander: ImapConnection,
): Promise<[longestMs: number, ...Run[]]> {
  let longestMs = 0;
  let isRunning = true;
  const noops = (async () => {
    while (isRunning) {
      const startMs = performance.now();
      await bystander.ok('NOOP');
      longestMs = Math.max(longestMs, performance.now() - startMs);
    }
  })();
  const runs: Run[] = [];
  for (const [index, client] of clients.entries()) {
    runs.push(await time(peers[index]!, client, command));
    isRunning = false;
    await noops;
  }
  return [longestMs, ...runs];
}

async function time(peer: Peer, client: ImapConnection, command: string): Promise<Run> {
  const [startCpuMs, startMs] = [await peer.cpuMs(), performance.now()];
  await client.ok(command);
  const ms = performance.now() - startMs;
  return { ms, cpuMs: (await peer.cpuMs()) - startCpuMs };
}

function tell(command: string, state: string, runs: readonly Run[], more = ''): void {
  const [reprise, dovecot] = runs as readonly [Run, Run];
  const times = [reprise.ms, dovecot.ms].map((value) => `${value.toFixed(0)} ms`.padStart(9));
  const cpu = [reprise.cpuMs, dovecot.cpuMs].map((value) => `${value.toFixed(0)} ms`.padStart(9));
  console.log(
    [
      command.replace(' UTF-8 ALL', '').padEnd(28),
      state.padEnd(6),
      ...times,
      (reprise.ms / dovecot.ms).toFixed(2).padStart(6),
      ...cpu,
      (reprise.cpuMs / dovecot.cpuMs).toFixed(2).padStart(6),
      more,
    ].join(' '),
  );
}
