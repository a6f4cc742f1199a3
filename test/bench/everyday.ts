// Times of everyday commands, beside Dovecot with the same mail in the same run:
//
//     npm run bench -- everyday [messages] [maildir|sdbox] [steps] [NAME=value of Reprise's environment …]
//
// Steps go by turns to the two servers, after three that do not count: those under 20 ms a hundred times, others five
// times; medians are compared. With `steps` only those are measured in whose name it stands. "cold" is the first such
// command after a restart of the server, LOGIN and SELECT, five times each; what is on disk is in the cache of the system
// all the same. "cold feed" is the first in a mailbox that nobody has selected before, a copy of INBOX, on a server that
// has answered the same in INBOX; "with its SELECT" counts the SELECT of that mailbox too.
import { makeSelfSignedCertificate } from '../../tls/self-signed-certificate.ts';
import { everydaySteps, type EverydayStep, type StepKind } from './everyday-steps.ts';
import { fillEveryday } from './everyday-mail.ts';
import { median } from './figures.ts';
import { ImapConnection } from './load/imap-connection.ts';
import { startDovecot } from './peers/dovecot.ts';
import { type Peer, PeerMissingError } from './peers/peer.ts';
import { startReprise } from './peers/reprise.ts';
import { environmentOf, positionalOf } from './settings.ts';

const [messages = '10000', mailFormat = 'maildir', wanted = ''] = positionalOf(
  process.argv.slice(2),
);
const messageCount = Number(messages);
const password = 'correct-horse';
const unmeasuredRounds = 3;
const warmUpClients = 6;
const shortMs = 20;
const rounds = { short: 100, long: 5, cold: 5 };

/** What the server knows already. */
type State = 'warm' | 'cold' | 'cold feed' | 'with its SELECT';

const bounds: Readonly<Record<StepKind, Partial<Record<State, number>>>> = {
  flags: { warm: 1.2, cold: 2, 'cold feed': 2 },
  other: {},
};

const credential = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
const peers: Peer[] = [];
try {
  peers.push(
    await startReprise({
      credential,
      workerCount: 2,
      password,
      environment: environmentOf(process.argv.slice(2)),
    }),
    await startDovecot({
      credential,
      password,
      mailFormat: mailFormat === 'sdbox' ? 'sdbox' : 'maildir',
    }),
  );
  for (const peer of peers) {
    const client = await logIn(peer);
    await fillEveryday(client, messageCount);
    client.close();
  }
  for (const step of everydaySteps(messageCount)) {
    if (!step.name.includes(wanted)) continue;
    print(step, 'warm', await measureWarm(step));
    if (step.isMeasuredCold) print(step, 'cold', await measureCold(step));
    if (step.kind === 'flags') await measureColdFeed(step);
  }
} catch (error) {
  if (!(error instanceof PeerMissingError)) throw error;
  console.log(`Skipped: ${error.message}`);
} finally {
  await Promise.all(peers.map((peer) => peer.stop()));
}

/** Median times of each peer, in milliseconds. */
async function measureWarm(step: EverydayStep): Promise<readonly number[]> {
  const runs = [];
  for (const peer of peers) {
    const client = await logIn(peer);
    await client.ok('SELECT INBOX');
    runs.push({ client, times: [] as number[] });
  }
  let longestMs = 0;
  for (let round = 0; round < unmeasuredRounds; round++) {
    longestMs = 0;
    for (const { client } of runs) longestMs = Math.max(longestMs, await time(client, step));
  }
  const count = longestMs < shortMs ? rounds.short : rounds.long;
  for (let round = 0; round < count; round++) {
    for (const { client, times } of runs) times.push(await time(client, step));
  }
  for (const { client } of runs) client.close();
  return runs.map(({ times }) => median(times));
}

async function measureCold(step: EverydayStep): Promise<readonly number[]> {
  const times = peers.map((): number[] => []);
  for (let round = 0; round < rounds.cold; round++) {
    for (const [index, peer] of peers.entries()) {
      await peer.restart();
      const client = await logIn(peer);
      if (!step.isSelecting) await client.ok('SELECT INBOX');
      times[index]!.push(await time(client, step));
      client.close();
    }
  }
  return times.map(median);
}

/** Of each peer, one after the other: a copy takes Dovecot long. */
async function measureColdFeed(step: EverydayStep): Promise<void> {
  const times = peers.map((): number[] => []);
  const timesWithSelect = peers.map((): number[] => []);
  for (const [index, peer] of peers.entries()) {
    await warmUp(peer, step);
    const client = await logIn(peer);
    await client.ok('SELECT INBOX');
    for (let round = 0; round < rounds.cold; round++) {
      await client.ok('CREATE Fresh');
      await client.ok('COPY 1:* Fresh');
      const other = await logIn(peer);
      const startMs = performance.now();
      await other.ok('SELECT Fresh');
      times[index]!.push(await time(other, step));
      timesWithSelect[index]!.push(performance.now() - startMs);
      other.close();
      await client.ok('DELETE Fresh');
    }
    client.close();
  }
  print(step, 'cold feed', times.map(median));
  print(step, 'with its SELECT', timesWithSelect.map(median));
}

/** Answers a step often in INBOX, to clients enough for each of two workers to serve some. */
async function warmUp(peer: Peer, step: EverydayStep): Promise<void> {
  const clients = await Promise.all(Array.from({ length: warmUpClients }, () => logIn(peer)));
  for (const client of clients) await client.ok('SELECT INBOX');
  for (let round = 0; round < rounds.short; round++) {
    for (const client of clients) await client.ok(step.command);
  }
  for (const client of clients) client.close();
}

async function time(client: ImapConnection, step: EverydayStep): Promise<number> {
  for (const command of step.before ?? []) await client.command(command);
  const startMs = performance.now();
  await client.ok(step.command, step.literal);
  const tookMs = performance.now() - startMs;
  for (const command of step.after ?? []) await client.command(command);
  return tookMs;
}

async function logIn({ port }: Peer): Promise<ImapConnection> {
  const client = await ImapConnection.connect({ port, security: 'tls' });
  await client.ok(`LOGIN alice ${password}`);
  return client;
}

function print(step: EverydayStep, state: State, times: readonly number[]): void {
  const [reprise = Number.NaN, dovecot = Number.NaN] = times;
  const bound = bounds[step.kind][state];
  const ratio = reprise / dovecot;
  const verdict =
    bound === undefined ? '' : `  (bound: at most ${bound}; ${ratio <= bound ? 'met' : 'NOT MET'})`;
  console.log(
    `${step.name.padEnd(20)} ${state.padEnd(15)}  Reprise ${ms(reprise)}, Dovecot ${ms(dovecot)}, ratio ${ratio.toFixed(2)}${verdict}`,
  );
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`.padStart(11);
}
