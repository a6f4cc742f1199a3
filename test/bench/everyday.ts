// Times of everyday commands, and the CPU that they cost the server, beside Dovecot with the same mail in the same run:
//
//     npm run bench -- everyday [messages] [steps] [beside=checkout] [NAME=value of Reprise's environment …] [--options of its node …]
//
// With `beside` Reprise as it is in another directory, an earlier commit with its node_modules, is measured in the same run and
// shown behind ("earlier"): that tells what has become slower or quicker.
// 10,000 messages unless told otherwise. With `steps` only those are measured in whose name one of these texts (divided
// by commas) stands: `everyday 1000 SEARCH,SELECT`. With `--cpu-prof --cpu-prof-dir=/tmp/profiles` each thread of Reprise
// writes a profile when it ends.
//
// Dovecot: the login processes of its high-performance mode, two of them, mdbox. What only reads is beside one with
// `mail_fsync=optimized`; what changes mail is beside one with `mail_fsync=always`, which keeps what it has answered, as we
// do, and the other is shown behind it. A time is the best of three runs, which go by turns to the servers; a run has a
// hundred rounds if each takes less than 20 ms, three if less than 500 ms, otherwise one, and counts their mean. CPU is that
// of all processes and threads of a server in its best run, a round. What the states mean stands at `State` in everyday-steps.ts.
import { resolve } from 'node:path';
import { makeSelfSignedCertificate } from '../../tls/certificates/self-signed.ts';
import { fillEveryday } from './everyday-mail.ts';
import {
  type Content,
  type EverydayStep,
  everydaySteps,
  mailboxes,
  type State,
} from './everyday-steps.ts';
import { logIn, password, type Run, timeStep } from './everyday-timing.ts';
import { startDovecot } from './peers/dovecot.ts';
import { type Peer, PeerMissingError } from './peers/peer.ts';
import { startReprise } from './peers/reprise.ts';
import { environmentOf, nodeOptionsOf, positionalOf } from './settings.ts';
import { fillSmall } from './small-mail.ts';

const argv = process.argv.slice(2);
const [messages = '10000', wanted = ''] = positionalOf(argv);
const messageCount = Number(messages);
const { beside, ...environment } = environmentOf(argv);
/** Messages of which only the last has not been seen. */
const unreadCount = Math.min(100_000, 10 * messageCount);

const credential = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
const steps = everydaySteps(messageCount).filter(({ name }) =>
  wanted.split(',').some((text) => name.includes(text)),
);
const readingPeers: Peer[] = [];
let earlierPeer: Peer | undefined;
/** Only if there is a step for it. */
let syncingPeer: Peer | undefined;
const missed: string[] = [];
try {
  await startPeers();
  print('', '', ['Reprise', 'Dovecot', 'ratio', 'at most', '', 'CPU', "Dovecot's", 'ratio', '']);
  for (const step of steps) {
    const dovecots = step.kind === 'reading' ? readingPeers : [...readingPeers, syncingPeer!];
    const peers = earlierPeer === undefined ? dovecots : [...dovecots, earlierPeer];
    for (const state of step.states) tell(step, state, await timeStep(peers, step, state));
  }
  console.log(missed.length === 0 ? 'All bounds are met' : `NOT MET: ${missed.join('; ')}`);
} catch (error) {
  if (!(error instanceof PeerMissingError)) throw error;
  console.log(`Skipped: ${error.message}`);
} finally {
  await stopPeers();
}

async function startPeers(): Promise<void> {
  const reprise = {
    credential,
    workerCount: 2,
    password,
    environment,
    nodeOptions: nodeOptionsOf(argv),
  };
  readingPeers.push(await startReprise(reprise));
  if (beside !== undefined) {
    earlierPeer = await startReprise({ ...reprise, checkout: resolve(beside) });
    await fill(earlierPeer, steps);
  }
  const dovecot = { credential, password, mailFormat: 'mdbox', loginProcessCount: 2 } as const;
  readingPeers.push(await startDovecot(dovecot));
  for (const peer of readingPeers) await fill(peer, steps);
  const changing = steps.filter(({ kind }) => kind === 'changing');
  if (changing.length === 0) return;
  syncingPeer = await startDovecot({ ...dovecot, fsync: 'always' });
  await fill(syncingPeer, changing);
}

async function stopPeers(): Promise<void> {
  const started = [...readingPeers, syncingPeer, earlierPeer].filter((peer) => peer !== undefined);
  await Promise.all(started.map((peer) => peer.stop()));
}

/** Makes the mailboxes that the steps look at. */
async function fill(peer: Peer, filled: readonly EverydayStep[]): Promise<void> {
  const startMs = performance.now();
  const client = await logIn(peer);
  for (const content of new Set<Content>(filled.map((step) => step.content))) {
    const mailbox = mailboxes[content];
    if (content === 'last unseen') {
      await fillSmall(client, mailbox, {
        messageCount: unreadCount,
        hasMultiAppend: peer.hasMultiAppend,
      });
      await client.ok(`SELECT ${mailbox}`);
      await client.ok(`STORE 1:${unreadCount - 1} +FLAGS.SILENT (\\Seen)`);
      continue;
    }
    if (mailbox !== 'INBOX') await client.ok(`CREATE ${mailbox}`);
    await fillEveryday(client, messageCount, {
      hasMultiAppend: peer.hasMultiAppend,
      mailbox,
      kind: content,
    });
  }
  client.close();
  console.log(`${peer.name}: filled in ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
}

/**
 * Runs are of Reprise, of Dovecot with `mail_fsync=optimized` and, for what changes mail, with `mail_fsync=always`; the last is of
 * the earlier Reprise, if there is one.
 */
function tell(step: EverydayStep, state: State, all: readonly Run[]): void {
  const runs = earlierPeer === undefined ? all : all.slice(0, -1);
  const earlier = earlierPeer === undefined ? undefined : all.at(-1)!;
  const reprise = runs[0]!;
  const dovecot = runs.at(-1)!;
  const bound = step.bounds[state];
  const ratio = reprise.ms / dovecot.ms;
  const isMet = bound === undefined || ratio <= bound;
  if (!isMet) missed.push(`${step.name}, ${state}: ${ratio.toFixed(2)} (${bound})`);
  const optimized = runs.length > 2 ? runs[1]!.ms : undefined;
  print(step.name, state, [
    ms(reprise.ms),
    ms(dovecot.ms),
    ratio.toFixed(2),
    bound === undefined ? '' : String(bound),
    isMet ? '' : 'NOT MET',
    ...(Number.isNaN(reprise.cpuMs)
      ? []
      : [ms(reprise.cpuMs), ms(dovecot.cpuMs), (reprise.cpuMs / dovecot.cpuMs).toFixed(2)]),
    ...(optimized === undefined
      ? []
      : [`  optimized:${ms(optimized)}, ratio ${(reprise.ms / optimized).toFixed(2)}`]),
    ...(earlier === undefined
      ? []
      : [
          `  earlier:${ms(earlier.ms)}, CPU ${ms(earlier.cpuMs)}; to Dovecot ${(earlier.ms / dovecot.ms).toFixed(2)}`,
        ]),
  ]);
}

function print(name: string, state: string, cells: readonly string[]): void {
  const widths = [11, 11, 6, 8, 8, 11, 11, 6, 0];
  const texts = cells.map((cell, index) => cell.padStart(widths[index]!));
  console.log(`${name.padEnd(26)} ${state.padEnd(15)} ${texts.join(' ')}`.trimEnd());
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
}
