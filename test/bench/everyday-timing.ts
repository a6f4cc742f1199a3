import { setTimeout as delay } from 'node:timers/promises';
import { type EverydayStep, mailboxes, type State } from './everyday-steps.ts';
import { ImapConnection } from './load/imap-connection.ts';
import type { Peer } from './peers/peer.ts';

/** Of every account. */
export const password = 'correct-horse';

/** Of one round, in milliseconds. */
export interface Run {
  readonly ms: number;
  /** Of all processes and threads of the server. */
  readonly cpuMs: number;
}

/** A server with connections to it, as a step needs them. */
interface Place {
  readonly peer: Peer;
  readonly clients: readonly ImapConnection[];
}

const runCount = 3;
const unmeasuredRounds = 3;
/** No unmeasured round begins after this. */
const unmeasuredMs = 5_000;
const shortMs = 20;
/** From here on a run is one round. */
const slowMs = 500;
const rounds = { short: 100, long: 3, slow: 1, connected: 10 };
/** For clients enough that each of two workers serves some. */
const warmUpClients = 6;
/** For a server to finish what is left to do after an answer, which counts as CPU of it. */
const settleMs = 10;

/** The best run of each server, in the order of the servers. */
export async function timeStep(
  peers: readonly Peer[],
  step: EverydayStep,
  state: State,
): Promise<readonly Run[]> {
  const counter = { round: 0 };
  if (state === 'warm') return timeWarm(peers, step, counter);
  if (state === 'connected' || state === 'restarted') {
    return alternate(peers, async (peer) => timeFirst(peer, step, counter, state));
  }
  return timeColdFeed(peers, step, state === 'with its SELECT');
}

/** A client over TLS that has logged in. */
export async function logIn({ port }: Peer): Promise<ImapConnection> {
  const client = await ImapConnection.connect({ port, security: 'tls' });
  await client.ok(`LOGIN alice ${password}`);
  return client;
}

interface Counter {
  /** The number of the next round. */
  round: number;
}

async function timeWarm(
  peers: readonly Peer[],
  step: EverydayStep,
  counter: Counter,
): Promise<readonly Run[]> {
  const places = new Map<Peer, Place>();
  for (const peer of peers) places.set(peer, await open(peer, step));
  let longestMs = 0;
  for (const place of places.values()) {
    longestMs = Math.max(longestMs, await warmUp(place, step, counter));
  }
  const count = Math.min(roundsOf(longestMs), step.maxRounds ?? Infinity);
  const runs = await alternate(peers, async (peer) =>
    timeRounds(places.get(peer)!, step, counter, count),
  );
  for (const place of places.values()) close(place);
  return runs;
}

function roundsOf(longestMs: number): number {
  if (longestMs < shortMs) return rounds.short;
  return longestMs < slowMs ? rounds.long : rounds.slow;
}

/** Rounds that do not count; the time of the last. */
async function warmUp(place: Place, step: EverydayStep, counter: Counter): Promise<number> {
  const startMs = performance.now();
  let lastMs = 0;
  for (let round = 0; round < unmeasuredRounds; round++) {
    lastMs = (await timeRound(place, step, counter.round++)).ms;
    if (performance.now() - startMs > unmeasuredMs) break;
  }
  return lastMs;
}

/** Rounds that each are the first of a connection. */
async function timeFirst(
  peer: Peer,
  step: EverydayStep,
  counter: Counter,
  state: 'connected' | 'restarted',
): Promise<Run> {
  const isRestarted = state === 'restarted';
  const runs: Run[] = [];
  while (runs.length < (isRestarted ? 1 : rounds.connected)) {
    if (isRestarted) await peer.restart();
    const place = await open(peer, step);
    runs.push(await timeRound(place, step, counter.round++));
    close(place);
    if (runs.at(-1)!.ms > slowMs) break;
  }
  return mean(runs);
}

/** Of one server after the other: a copy takes Dovecot long. CPU is not told. */
async function timeColdFeed(
  peers: readonly Peer[],
  step: EverydayStep,
  withSelect: boolean,
): Promise<readonly Run[]> {
  for (const peer of peers) await answerOften(peer, step);
  return alternate(peers, async (peer) => {
    const client = await logIn(peer);
    await client.ok('SELECT INBOX');
    await client.ok('CREATE Fresh');
    await client.ok('COPY 1:* Fresh');
    const other = await logIn(peer);
    const startMs = performance.now();
    await other.ok('SELECT Fresh');
    const selectedMs = performance.now();
    await step.run([other], 0);
    const ms = performance.now() - (withSelect ? startMs : selectedMs);
    other.close();
    await client.ok('DELETE Fresh');
    client.close();
    return { ms, cpuMs: Number.NaN };
  });
}

/** Answers a step often in INBOX, to clients enough for each of two workers to serve some. */
async function answerOften(peer: Peer, step: EverydayStep): Promise<void> {
  const clients = await Promise.all(Array.from({ length: warmUpClients }, () => logIn(peer)));
  for (const client of clients) await client.ok('SELECT INBOX');
  const startMs = performance.now();
  for (let round = 0; round < rounds.short; round++) {
    for (const client of clients) await step.run([client], 0);
    if (performance.now() - startMs > unmeasuredMs) break;
  }
  for (const client of clients) client.close();
}

/** Runs by turns, and the best of each server. */
async function alternate(
  peers: readonly Peer[],
  run: (peer: Peer) => Promise<Run>,
): Promise<readonly Run[]> {
  const best = new Map<Peer, Run>();
  for (let count = 0; count < runCount; count++) {
    for (const peer of peers) {
      const next = await run(peer);
      if (next.ms < (best.get(peer)?.ms ?? Infinity)) best.set(peer, next);
    }
  }
  return peers.map((peer) => best.get(peer)!);
}

async function open(peer: Peer, step: EverydayStep): Promise<Place> {
  const clients: ImapConnection[] = [];
  while (clients.length < (step.clientCount ?? 1)) {
    const client = await logIn(peer);
    if (!step.isUnselected) await client.ok(`SELECT ${mailboxes[step.content]}`);
    clients.push(client);
  }
  return { peer, clients };
}

function close({ clients }: Place): void {
  for (const client of clients) client.close();
}

/** One after the other; between those that have nothing before and after them, nothing is looked at. */
async function timeRounds(
  place: Place,
  step: EverydayStep,
  counter: Counter,
  count: number,
): Promise<Run> {
  if (step.before === undefined && step.after === undefined) {
    const { ms, cpuMs } = await timed(place.peer, async () => {
      for (let round = 0; round < count; round++) await step.run(place.clients, counter.round++);
    });
    return { ms: ms / count, cpuMs: cpuMs / count };
  }
  const runs: Run[] = [];
  while (runs.length < count) runs.push(await timeRound(place, step, counter.round++));
  return mean(runs);
}

async function timeRound(place: Place, step: EverydayStep, round: number): Promise<Run> {
  const [client] = place.clients;
  await step.before?.(client!, round);
  const run = await timed(place.peer, async () => step.run(place.clients, round));
  await step.after?.(client!, round);
  return run;
}

async function timed(peer: Peer, work: () => Promise<unknown>): Promise<Run> {
  await delay(settleMs);
  const cpuBeforeMs = await peer.cpuMs();
  const startMs = performance.now();
  await work();
  const ms = performance.now() - startMs;
  await delay(settleMs);
  return { ms, cpuMs: (await peer.cpuMs()) - cpuBeforeMs };
}

function mean(runs: readonly Run[]): Run {
  const sum = (pick: (run: Run) => number) => runs.reduce((total, run) => total + pick(run), 0);
  return { ms: sum(({ ms }) => ms) / runs.length, cpuMs: sum(({ cpuMs }) => cpuMs) / runs.length };
}
