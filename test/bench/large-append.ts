// What an APPEND of 50 MB costs the disk, and how long others wait for their small ones meanwhile:
//
//     npm run bench -- large-append [bytes] [NAME=value of Reprise's environment …] [--options of its node …]
//
// Counts the syncs of the store's file and of its log with strace (Debian package `strace`), nobody else asking. A thread of
// its own writes the log back (`reprise-log`). The writer syncs the log for commits, and also, with the file, when it writes the
// last pages of a long log back, and when the log begins anew, behind its first 32 bytes. Then two clients of another account append small messages, by turns without and with one that appends large ones without pause.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeLargeMessage } from '../fixtures/mail-generator.ts';
import { BenchServer, password } from './bench-server.ts';
import { percentile, printFigure } from './figures.ts';
import type { ImapConnection } from './load/imap-connection.ts';
import { LoadProcess } from './load/load-process.ts';
import type { Prober } from './load/prober.ts';
import { findProgram } from './peers/peer-directory.ts';
import { PeerMissingError } from './peers/peer.ts';
import { environmentOf, nodeOptionsOf, positionalOf } from './settings.ts';
import { smallMessage } from './small-mail.ts';

const argv = process.argv.slice(2);
const [bytes = '50000000'] = positionalOf(argv);
const sizeBytes = Number(bytes);
const boundSyncs = 2;
const boundRatio = 1.5;
const roundCount = 3;
const roundMs = 5_000;
/** For strace to attach, and for what an answer leaves to be done. */
const settleMs = 1_000;

const server = await BenchServer.start({
  accounts: ['alice', 'bob'],
  environment: environmentOf(argv),
  nodeOptions: nodeOptionsOf(argv),
});
const prober = new LoadProcess<Prober>(join(import.meta.dirname, 'load/prober.ts'));
/** Has eight digits, which tell one large message from another: the same again would be stored once. */
const firstNumber = 10_000_000;
const largeMessage = makeLargeMessage(sizeBytes, firstNumber);
let largeCount = 0;
try {
  const client = await server.login('alice');
  await appendLarge(client);
  await measureSyncs(client);
  await measureOthers(client);
  client.close();
} catch (error) {
  if (!(error instanceof PeerMissingError)) throw error;
  console.log(`Skipped: ${error.message}`);
} finally {
  await prober.stop();
  await server.stop();
}

/** Each is another one, though they are in the same buffer. */
async function appendLarge(client: ImapConnection): Promise<void> {
  const numberAt = 'Subject: A large message ';
  const start = largeMessage.indexOf(numberAt) + numberAt.length;
  largeMessage.write(String(firstNumber + ++largeCount), start, 'latin1');
  await client.ok('APPEND INBOX', largeMessage);
}

async function measureSyncs(client: ImapConnection): Promise<void> {
  const small = await countSyncs(async () => client.ok('APPEND INBOX', smallMessage(1)));
  printFigure('syncs of a small APPEND, besides checkpoints', small.commits, '');
  const large = await countSyncs(async () => appendLarge(client));
  printFigure(`syncs of ${sizeBytes} bytes, besides checkpoints`, large.commits, '', {
    atMost: boundSyncs,
  });
  printFigure('syncs of the file meanwhile, by all threads', large.writeBacks, '');
}

interface Syncs {
  /** Of the log, for commits. */
  readonly commits: number;
  /** Of the store's file. */
  readonly writeBacks: number;
}

/** The syncs while something is done. */
async function countSyncs(work: () => Promise<unknown>): Promise<Syncs> {
  const directory = await mkdtemp(join(tmpdir(), 'reprise-strace-'));
  const output = join(directory, 'syncs');
  const path = findProgram('strace', 'strace');
  const options = ['-f', '-qq', '-y', '-e', 'trace=fsync,fdatasync,pwrite64', '-s0', '-o', output];
  const tracer = spawn(path, [...options, '-p', String(server.process.pid)], { stdio: 'ignore' });
  try {
    await delay(settleMs);
    await work();
    await delay(settleMs);
    await end(tracer);
    const lines = (await readFile(output, 'latin1')).split('\n');
    const isOwn = await findThread('reprise-log');
    const others = lines.filter((line) => !isOwn(line));
    const count = (of: readonly string[], call: RegExp) =>
      of.filter((line) => call.test(line)).length;
    const ofFile = /sync\(\d+<.*\/mail\.db>/;
    const heads = count(others, /pwrite64\(\d+<.*\/mail\.db-wal>.*, 32, 0[ )]/);
    return {
      commits: count(others, /sync\(\d+<.*\/mail\.db-wal>/) - count(others, ofFile) - heads,
      writeBacks: count(lines, ofFile),
    };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Tells lines of strace of a thread of the server, by the name of the thread; none are if there is no such thread yet. */
async function findThread(name: string): Promise<(line: string) => boolean> {
  const directory = `/proc/${server.process.pid}/task`;
  for (const id of await readdir(directory)) {
    const found = await readFile(join(directory, id, 'comm'), 'latin1');
    if (found.trim() === name) return (line) => line.startsWith(`${id} `);
  }
  return () => false;
}

/** SIGTERM makes strace detach; the server goes on. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) throw new Error(`strace has ended with ${child.exitCode}`);
  child.kill('SIGTERM');
  await once(child, 'exit');
}

async function measureOthers(client: ImapConnection): Promise<void> {
  await prober.call('connect', {
    port: server.process.imapsPort,
    security: 'tls',
    account: 'bob',
    password,
    count: 2,
    everyMs: 20,
    appendsTo: 'INBOX',
  });
  const times = { without: [] as number[], with: [] as number[] };
  for (let round = 0; round < roundCount; round++) {
    times.without.push(...(await probe(async () => delay(roundMs))));
    times.with.push(
      ...(await probe(async () => {
        const untilMs = performance.now() + roundMs;
        while (performance.now() < untilMs) await appendLarge(client);
      })),
    );
  }
  const [quiet, busy] = [percentile(times.without, 0.99), percentile(times.with, 0.99)];
  printFigure("others' small APPEND, p99", quiet, 'ms');
  printFigure('the same beside large ones', busy, 'ms');
  printFigure('ratio', busy / quiet, '', { atMost: boundRatio });
  printFigure('worst beside large ones', Math.max(...times.with), 'ms');
  printFigure('large ones meanwhile', largeCount - 2, '');
}

async function probe(work: () => Promise<unknown>): Promise<readonly number[]> {
  await prober.call('begin', undefined);
  await work();
  const { times, failureCount } = await prober.call('end', undefined);
  if (failureCount > 0) throw new Error(`${failureCount} APPENDs failed`);
  return times;
}
