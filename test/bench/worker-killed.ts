// What clients lose if one of two workers crashes while clients idle and a burst of others comes back over TLS 1.3:
//
//     npm run bench -- worker-killed [idle clients] [burst] [rounds] [NAME=value of its environment …]
//
// The clients connect again until they are served, so one of them may be reset twice. They live in this process: on a machine
// that is busy with other things its times are their own. The kernel's net.ipv4.tcp_migrate_req=1 hands to another
// listener what one that closes had not accepted; in the one pair of runs that we made it saved few (601 resets against 645),
// since a worker accepts at once, and those who wait for their turn wait in it.
import { alice } from '../fixtures/mail-server.ts';
import { sabotageOptions } from '../fixtures/sabotage.ts';
import { loseWorker, type WorkerLoss } from '../fixtures/worker-loss.ts';
import { BenchServer } from './bench-server.ts';
import { median, printFigure } from './figures.ts';
import { environmentOf, positionalOf } from './settings.ts';

const [idle = '500', burst = '2000', rounds = '3'] = positionalOf(process.argv.slice(2));
const environment = environmentOf(process.argv.slice(2));

const losses: WorkerLoss[] = [];
for (let round = 0; round < Number(rounds); round++) losses.push(await measure());

console.log(`medians of ${rounds}:`);
const middle = (figure: keyof WorkerLoss) => median(losses.map((loss) => loss[figure]));
printFigure('first new connection served after', middle('firstServedMs'), 'ms', { atMost: 1_000 });
printFigure('longest time without a new one', middle('longestGapMs'), 'ms', { atMost: 1_000 });
printFigure('the worker is replaced after', middle('replacedMs'), 'ms');
printFigure(`reset of ${burst} that come, not served yet`, middle('resetUnserved'), '');
printFigure('reset of them in the handshake', middle('resetUnderWay'), '');
printFigure('refused', middle('refused'), '', { atMost: 0 });
printFigure(`reset of ${idle} that idle`, middle('lost'), '');
const missing = (loss: WorkerLoss) => loss.lost - loss.lostResumed + Number(burst) - loss.resumed;
printFigure('not resumed of all that come back', Math.max(...losses.map(missing)), '', {
  atMost: 0,
});

async function measure(): Promise<WorkerLoss> {
  const server = await BenchServer.start({
    accounts: [alice.name],
    environment,
    nodeOptions: sabotageOptions,
  });
  try {
    return await loseWorker({
      server: server.process,
      idleCount: Number(idle),
      burstCount: Number(burst),
    });
  } finally {
    await server.stop();
  }
}
