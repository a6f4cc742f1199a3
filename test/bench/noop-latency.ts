// How long another account's NOOP takes while four clients search, fetch, append, or do all three without pause, beside
// Dovecot with the same mail in the same run:
//
//     npm run bench -- noop-latency [messages] [seconds] [maildir|sdbox] [kind] [NAME=value of Reprise's environment …]
//
// Four clients of the other account ask every 20 ms, so that each of the two workers is asked. Each kind of work goes on
// for 15 seconds, first with the one server, then with the other. With `kind` (search, fetch, append, mixed) only that.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeSelfSignedCertificate } from '../../tls/certificates/self-signed.ts';
import { bodyWord, everydayMail, fillEveryday } from './everyday-mail.ts';
import { percentile } from './figures.ts';
import { type Busy, workKinds, type WorkKind } from './load/busy.ts';
import { ImapConnection } from './load/imap-connection.ts';
import { LoadProcess } from './load/load-process.ts';
import type { Prober } from './load/prober.ts';
import { startDovecot } from './peers/dovecot.ts';
import { type Peer, PeerMissingError } from './peers/peer.ts';
import { startReprise } from './peers/reprise.ts';
import { environmentOf, positionalOf } from './settings.ts';

const [messages = '10000', seconds = '15', mailFormat = 'maildir', wanted] = positionalOf(
  process.argv.slice(2),
);
const messageCount = Number(messages);
const password = 'correct-horse';
const busyCount = 4;
const searchBoundMs = 10;
/** From when the clients work until their times count. */
const warmUpMs = 3_000;
/** For the server to finish what came before. */
const pauseMs = 1_000;

interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
  readonly failureCount: number;
  readonly doneCount: number;
}

const [message] = everydayMail(1);
const credential = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
const peers: Peer[] = [];
try {
  peers.push(
    await startReprise({
      credential,
      workerCount: 2,
      password,
      accounts: ['alice', 'bob'],
      environment: environmentOf(process.argv.slice(2)),
    }),
    await startDovecot({
      credential,
      password,
      mailFormat: mailFormat === 'sdbox' ? 'sdbox' : 'maildir',
    }),
  );
  for (const { port, hasMultiAppend } of peers) {
    const client = await ImapConnection.connect({ port, security: 'tls' });
    await client.ok(`LOGIN alice ${password}`);
    await fillEveryday(client, messageCount, { hasMultiAppend });
    client.close();
  }
  for (const kind of workKinds) {
    if (wanted !== undefined && kind !== wanted) continue;
    const latencies: Latency[] = [];
    for (const peer of peers) latencies.push(await measure(peer, kind));
    print(kind, latencies);
  }
} catch (error) {
  if (!(error instanceof PeerMissingError)) throw error;
  console.log(`Skipped: ${error.message}`);
} finally {
  await Promise.all(peers.map((peer) => peer.stop()));
}

async function measure({ port }: Peer, kind: WorkKind): Promise<Latency> {
  const busy = new LoadProcess<Busy>(join(import.meta.dirname, 'load/busy.ts'));
  const prober = new LoadProcess<Prober>(join(import.meta.dirname, 'load/prober.ts'));
  try {
    await prober.call('connect', {
      port,
      security: 'tls',
      account: 'bob',
      password,
      count: 4,
      everyMs: 20,
      mailbox: 'INBOX',
    });
    await busy.call('begin', {
      port,
      account: 'alice',
      password,
      count: busyCount,
      kind,
      messageCount,
      message: message!,
      word: bodyWord,
    });
    await delay(warmUpMs);
    await prober.call('begin', undefined);
    await delay(Number(seconds) * 1000);
    const { times, failureCount } = await prober.call('end', undefined);
    const doneCount = await busy.call('end', undefined);
    await delay(pauseMs);
    return {
      p50: percentile(times, 0.5),
      p99: percentile(times, 0.99),
      worst: Math.max(...times),
      failureCount,
      doneCount,
    };
  } finally {
    await Promise.all([busy.stop(), prober.stop()]);
  }
}

function print(kind: WorkKind, latencies: readonly Latency[]): void {
  for (const [index, { p50, p99, worst, failureCount, doneCount }] of latencies.entries()) {
    const figures = `p50 ${ms(p50)}, p99 ${ms(p99)}, worst ${ms(worst)}`;
    const others = `${doneCount} commands meanwhile, ${failureCount} NOOPs failed`;
    console.log(`${kind.padEnd(7)} ${peers[index]!.name.padEnd(26)} NOOP ${figures}; ${others}`);
  }
  const [reprise = Number.NaN, dovecot = Number.NaN] = latencies.map(({ p99 }) => p99);
  if (kind === 'append') return;
  const bound = kind === 'search' ? searchBoundMs : dovecot;
  const words = kind === 'search' ? 'at most' : "below Dovecot's,";
  console.log(
    `        p99 (bound: ${words} ${ms(bound)}; ${reprise <= bound ? 'met' : 'NOT MET'})`,
  );
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
