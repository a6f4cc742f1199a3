// Swaps certificates while clients come and go, and tells how resident memory takes it, with jemalloc, set as in the
// image, where it is installed. What is resident besides the JS heap is the lowest point of each thousand
// connections, and of these levels the highest so far; contexts of TLS are in it. The heap itself swells and shrinks
// under any traffic, so all that is resident is told in a pause, after a collection of garbage.
// Run: node test/bench/certificate-swaps.ts [swaps, default 10000] [--left-to-the-collector, the control]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import {
  type Credential,
  makeSelfSignedCertificate,
  RandomTicketKeys,
  SegmentSessionCache,
  TlsAcceptor,
} from '../../tls/index.ts';
import { visitWithNode } from '../fixtures/tls-visit.ts';
import { findJemalloc } from '../../server/self-test/allocators.ts';
import { allocatorEnvironment } from '../soak/allocator.ts';

/** Connections before the first swap: V8 takes that long to settle. */
const warmConnections = 10_000;
const connectionsPerSample = 50;
const connectionsPerLevel = 1_000;
const warmSwaps = 1_000;
const boundMiB = 8;
const settleMs = 2_000;
const lifetimeMs = 7_200_000;
const clientCount = 4;
const controlFlag = '--left-to-the-collector';

/** What the server tells: its port once, then the highest level up to each mark. */
type Report =
  | { readonly kind: 'listening'; readonly port: number }
  | {
      readonly kind: 'reached';
      readonly swaps: number;
      readonly memory: Memory;
    };

/** In MiB. */
interface Memory {
  readonly besidesHeap: number;
  readonly collected: number;
}

const [role, ...rest] = process.argv.slice(2);
const isControl = process.argv.includes(controlFlag);
if (role === 'server') await serve(Number(rest[0]));
else await drive(role === undefined || role === controlFlag ? 10_000 : Number(role));

/** Swaps the certificate at every connection after the warm start, before it greets. */
async function serve(swapCount: number): Promise<void> {
  const pairs = await Promise.all(
    Array.from({ length: 8 }, () => makeSelfSignedCertificate({ hostNames: ['localhost'] })),
  );
  // The strings are copied, as of a file that was read again.
  const credentialOf = (swap: number): Credential => {
    const { cert, key } = pairs[swap % pairs.length]!;
    return { name: 'bench', cert: `${cert}\n`, key: `${key}\n` };
  };
  const acceptor = new TlsAcceptor({
    credentials: [credentialOf(0)],
    resumption: {
      kind: 'stateful',
      cache: new SegmentSessionCache({ maxBytes: 1 << 20, lifetimeMs }),
      ticketKeys: new RandomTicketKeys({ lifetimeMs }),
    },
    lifetimeMs,
  });
  if (isControl) {
    const methods = Object.getPrototypeOf(createSecureContext().context) as { close: () => void };
    methods.close = () => {};
  }
  let connections = 0;
  let swaps = 0;
  const samples: number[] = [];
  let highest = 0;
  let pause: Promise<void> | undefined;
  const serveClient = async (socket: Socket): Promise<void> => {
    await pause;
    await acceptor.accept(socket).then(
      (connection) => {
        connection.socket.on('error', () => {});
        const isSwap = ++connections > warmConnections && swaps < swapCount;
        if (isSwap) acceptor.replaceCredentials([credentialOf(++swaps)]);
        connection.socket.end('hello\r\n');
        if (connections % connectionsPerSample === 0) samples.push(residentMiB() - heapMiB());
        if (samples.length === connectionsPerLevel / connectionsPerSample) {
          highest = Math.max(highest, Math.min(...samples.splice(0)));
        }
        if (isSwap && (swaps === warmSwaps || swaps === swapCount)) {
          pause = report(swaps, highest);
        }
      },
      () => {},
    );
  };
  const server = createServer((socket) => void serveClient(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  tell({ kind: 'listening', port: (server.address() as AddressInfo).port });
  process.once('disconnect', () => process.exit());
}

async function report(swaps: number, besidesHeap: number): Promise<void> {
  // For those that are here.
  await wait(settleMs);
  globalThis.gc!({ type: 'major', flavor: 'last-resort', execution: 'sync' });
  // The allocator gives back what was freed a little later.
  await wait(settleMs);
  tell({ kind: 'reached', swaps, memory: { besidesHeap, collected: residentMiB() } });
}

async function drive(swapCount: number): Promise<void> {
  const allocator = findJemalloc() === undefined ? 'system' : 'jemalloc';
  console.log(`allocator: ${allocator}`);
  const flags = isControl ? [controlFlag] : [];
  const server = fork(import.meta.filename, ['server', String(swapCount), ...flags], {
    // As the server of the project runs.
    execArgv: ['--semi-space-growth-factor=1', '--expose-gc'],
    env: { ...process.env, ...allocatorEnvironment(allocator) },
  });
  const [{ port }] = (await once(server, 'message')) as [{ readonly port: number }];
  const marks = new Map<number, Memory>();
  let isOver = false;
  server.on('message', (message) => {
    const report = message as Report;
    if (report.kind !== 'reached' || marks.has(report.swaps)) return;
    marks.set(report.swaps, report.memory);
    const { besidesHeap, collected } = report.memory;
    console.log(
      `${report.swaps} swaps: ${besidesHeap.toFixed(1)} MiB besides the heap, ${collected.toFixed(1)} in all after a collection`,
    );
    isOver = report.swaps === swapCount;
  });
  const counts = { full: 0, resumed: 0, failed: 0 };
  const visits = async (): Promise<void> => {
    let session: Buffer | undefined;
    while (!isOver) {
      try {
        const visit = await visitWithNode({ port, version: 'TLSv1.3', session });
        counts[visit.isResumed ? 'resumed' : 'full']++;
        session = visit.sessions.at(-1);
      } catch {
        counts.failed++;
      }
    }
  };
  await Promise.all(Array.from({ length: clientCount }, visits));
  server.disconnect();
  console.log(`connections: ${JSON.stringify(counts)}`);
  const [first, last] = [marks.get(warmSwaps)!, marks.get(swapCount)!];
  const grown = [last.besidesHeap - first.besidesHeap, last.collected - first.collected];
  const isWithin =
    Math.max(...grown) <= boundMiB && counts.failed === 0 && counts.full === clientCount;
  const [besidesHeap, collected] = grown.map((mebibytes) => mebibytes.toFixed(1));
  console.log(
    `grown since ${warmSwaps} swaps by ${besidesHeap} MiB, ${collected} in all (bound ${boundMiB})`,
  );
  process.exitCode = isWithin ? 0 : 1;
}

function residentMiB(): number {
  const status = readFileSync('/proc/self/status', 'latin1');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

function heapMiB(): number {
  return process.memoryUsage().heapTotal / 2 ** 20;
}

function tell(report: Report): void {
  process.send?.(report);
}
