// What the proof of resumption costs a start:
//
//     npm run bench -- proof-at-start [rounds]
//
// First the proof alone, in a process that does nothing else, with the code cold as at a start: CPU (user and system) and
// time. Then whole starts of a server with one worker until it listens, with the proof and with resumption off, which has
// none, in turns; the proof runs while the thread of the store starts.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startServerProcess } from '../fixtures/server-process.ts';
import { median, printFigure } from './figures.ts';
import { positionalOf } from './settings.ts';

const boundMs = 30;
const [rounds = '9'] = positionalOf(process.argv.slice(2));
const roundCount = Number(rounds);
const root = resolve(import.meta.dirname, '../..');
const door = join(root, 'tls/index.ts');
// What `npm start` runs, if it was compiled.
const compiled = 'dist/server/launch.js';
const entry = existsSync(join(root, compiled)) ? compiled : 'server/launch.js';

/** Runs in a process of its own, since the second proof of a process is cheaper. */
const script = `
  import { proveResumption } from ${JSON.stringify(door)};
  const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
  await proveResumption({ kind: 'stateful', policy: 'intermediate' });
  const { user, system } = process.cpuUsage(cpu);
  console.log(JSON.stringify([performance.now() - startedAt, user / 1000, system / 1000]));
`;

function proveOnce(): readonly [number, number, number] {
  const argv = ['--input-type=module', '--eval', script];
  return JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8' })) as [
    number,
    number,
    number,
  ];
}

async function start(sessionCache: string): Promise<{ wallMs: number; cpuMs: number }> {
  const startedAt = performance.now();
  const server = await startServerProcess({
    entry,
    environment: { REPRISE_WORKERS: '1', REPRISE_SESSION_CACHE: sessionCache },
  });
  const wallMs = performance.now() - startedAt;
  const cpuMs = await server.cpuMs();
  await server.stop();
  return { wallMs, cpuMs };
}

const proofs = Array.from({ length: roundCount }, proveOnce);
for (const [index, name] of ['time', 'user CPU', 'system CPU'].entries()) {
  printFigure(`proof alone, ${name}`, median(proofs.map((proof) => proof[index]!)), 'ms');
}
const differences: { wallMs: number; cpuMs: number }[] = [];
for (let round = 0; round < roundCount; round++) {
  const [without, proved] = [await start('off'), await start('memory')];
  differences.push({
    wallMs: proved.wallMs - without.wallMs,
    cpuMs: proved.cpuMs - without.cpuMs,
  });
}
printFigure('start with the proof, more CPU', median(differences.map(({ cpuMs }) => cpuMs)), 'ms');
printFigure('start with the proof, longer', median(differences.map(({ wallMs }) => wallMs)), 'ms', {
  atMost: boundMs,
});
