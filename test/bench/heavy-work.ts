// How long others wait, at worst, for NOOP and APPEND while a client copies 50,000 messages, changes flags of 200,000 and
// expunges 250,000, beside Dovecot (mdbox, `mail_fsync=always`) with the same in the same run:
//
//     npm run bench -- heavy-work [messages] [dovecot|alone] [NAME=value of Reprise's environment …] [--options of its node …]
//
// With fewer messages than 250,000 a fifth is copied, four fifths are changed, all are expunged. The others are clients of
// another account, and of the same account with another mailbox; each asks every 50 ms. "nothing" tells what the machine
// does by itself. With `alone` Dovecot is left out.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeSelfSignedCertificate } from '../../tls/certificates/self-signed.ts';
import { percentile } from './figures.ts';
import { ImapConnection } from './load/imap-connection.ts';
import { LoadProcess } from './load/load-process.ts';
import type { Prober } from './load/prober.ts';
import { startDovecot } from './peers/dovecot.ts';
import { type Peer, PeerMissingError } from './peers/peer.ts';
import { startReprise } from './peers/reprise.ts';
import { environmentOf, nodeOptionsOf, positionalOf } from './settings.ts';
import { fillSmall } from './small-mail.ts';

const argv = process.argv.slice(2);
const [messages = '250000', peerNames = 'dovecot'] = positionalOf(argv);
const messageCount = Number(messages);
const password = 'correct-horse';
const boundsMs = { NOOP: 50, APPEND: 100 };
/** Of each kind in each account; several, so that each worker serves some. */
const clientCount = 2;
const everyMs = 50;
/** From when the others ask until the work begins, and after it: what it leaves to be done counts. */
const aroundMs = 1_000;
const nothingMs = 5_000;
const deadlineMs = 3_600_000;

interface Work {
  readonly name: string;
  readonly before?: string;
  readonly command?: string;
}

interface Other {
  readonly command: 'NOOP' | 'APPEND';
  readonly account: string;
}

const copied = Math.ceil(messageCount / 5);
const changed = Math.ceil((messageCount * 4) / 5);
const works: readonly Work[] = [
  { name: 'nothing' },
  { name: `COPY of ${copied}`, command: `COPY 1:${copied} Copied` },
  { name: `STORE of ${changed}`, command: `STORE 1:${changed} +FLAGS (\\Answered)` },
  {
    name: `EXPUNGE of ${messageCount}`,
    before: 'STORE 1:* +FLAGS.SILENT (\\Deleted)',
    command: 'EXPUNGE',
  },
];
const others: readonly Other[] = ['alice', 'bob'].flatMap((account) => [
  { command: 'NOOP', account },
  { command: 'APPEND', account },
]);

const credential = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
try {
  await measure(
    await startReprise({
      credential,
      workerCount: 2,
      password,
      accounts: ['alice', 'bob'],
      environment: environmentOf(argv),
      nodeOptions: nodeOptionsOf(argv),
    }),
  );
  if (peerNames === 'dovecot') {
    await measure(
      await startDovecot({
        credential,
        password,
        mailFormat: 'mdbox',
        fsync: 'always',
        loginProcessCount: 2,
      }),
    );
  }
} catch (error) {
  if (!(error instanceof PeerMissingError)) throw error;
  console.log(`Skipped: ${error.message}`);
}

async function measure(peer: Peer): Promise<void> {
  try {
    const worker = await logIn(peer, 'alice');
    await worker.ok('CREATE Other');
    await worker.ok('CREATE Copied');
    const startMs = performance.now();
    await fillSmall(worker, 'Many', {
      messageCount,
      hasMultiAppend: peer.hasMultiAppend,
    });
    console.log(`${peer.name}: filled in ${seconds(performance.now() - startMs)}`);
    const bob = await logIn(peer, 'bob');
    await bob.ok('CREATE Other');
    bob.close();
    await worker.ok('SELECT Many');
    for (const work of works) await measureWork(peer, worker, work);
    worker.close();
  } finally {
    await peer.stop();
  }
}

async function measureWork(peer: Peer, worker: ImapConnection, work: Work): Promise<void> {
  if (work.before !== undefined) await worker.ok(work.before);
  const probers = others.map(
    () => new LoadProcess<Prober>(join(import.meta.dirname, 'load/prober.ts')),
  );
  try {
    for (const [index, { command, account }] of others.entries()) {
      await probers[index]!.call('connect', {
        port: peer.port,
        security: 'tls',
        account,
        password,
        count: clientCount,
        everyMs,
        mailbox: 'Other',
        ...(command === 'APPEND' && { appendsTo: 'Other' }),
      });
    }
    await delay(aroundMs);
    await Promise.all(probers.map((prober) => prober.call('begin', undefined)));
    await delay(aroundMs);
    const startMs = performance.now();
    if (work.command === undefined) await delay(nothingMs);
    else await worker.ok(work.command);
    const tookMs = performance.now() - startMs;
    await delay(aroundMs);
    const reports = await Promise.all(probers.map((prober) => prober.call('end', undefined)));
    console.log(`${peer.name}, ${work.name}: ${seconds(tookMs)}`);
    for (const [index, { times, failureCount }] of reports.entries()) {
      tell(others[index]!, times, failureCount);
    }
  } finally {
    await Promise.all(probers.map((prober) => prober.stop()));
  }
}

function tell({ command, account }: Other, times: readonly number[], failureCount: number): void {
  const whose = account === 'alice' ? 'same account' : 'other account';
  const worstMs = Math.max(...times);
  const bound = boundsMs[command];
  const words = `bound: at most ${bound} ms; ${worstMs <= bound ? 'met' : 'NOT MET'}`;
  console.log(
    `  ${command.padEnd(6)} ${whose.padEnd(13)} worst ${ms(worstMs)}, p99 ${ms(percentile(times, 0.99))}, p50 ${ms(percentile(times, 0.5))}, ${String(times.length).padStart(6)} times, ${failureCount} failed  (${words})`,
  );
}

async function logIn({ port }: Peer, account: string): Promise<ImapConnection> {
  const client = await ImapConnection.connect({ port, security: 'tls', deadlineMs });
  await client.ok(`LOGIN ${account} ${password}`);
  return client;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`.padStart(10);
}

function seconds(valueMs: number): string {
  return `${(valueMs / 1000).toFixed(2)} s`;
}
