import { join } from 'node:path';
import { BenchServer, password } from './bench-server.ts';
import { median, mebibyte, printFigure } from './figures.ts';
import type { DelayingProxy } from './load/delaying-proxy.ts';
import { LoadProcess } from './load/load-process.ts';
import type { MorningLoad, MorningOptions, MorningReport } from './load/morning-load.ts';
import { watchMemory } from './memory-watch.ts';

export interface MorningRunOptions {
  readonly count: number;
  readonly security: 'tls' | 'starttls';
  /** Absent: all at one instant, from near. */
  readonly arrival?: { readonly perSecond: number; readonly roundTripMs: number };
  readonly environment: Readonly<Record<string, string>>;
}

export interface MorningResult {
  readonly count: number;
  readonly reports: readonly MorningReport[];
  readonly memory: { readonly beforeBytes: number; readonly peakBytes: number };
  readonly isServerRunning: boolean;
}

/** Among which the clients are divided. */
const processCount = 2;
/** Where all clients come from. */
const localAddress = '127.0.0.2';
const lastBoundSeconds = 15;

/** Lets clients come to a server with two workers. */
export async function runMorning(options: MorningRunOptions): Promise<MorningResult> {
  const { count, security, arrival, environment } = options;
  const accounts = Array.from({ length: 50 }, (_, index) => `user${index}`);
  const server = await BenchServer.start({ accounts, environment });
  const loads = Array.from(
    { length: processCount },
    () => new LoadProcess<MorningLoad>(join(import.meta.dirname, 'load/morning-load.ts')),
  );
  const proxy = new LoadProcess<DelayingProxy>(join(import.meta.dirname, 'load/delaying-proxy.ts'));
  try {
    for (const account of accounts) (await server.login(account)).close();
    const { imapPort, imapsPort, pid } = server.process;
    let port = security === 'tls' ? imapsPort : imapPort;
    if (arrival !== undefined) {
      const delayMs = arrival.roundTripMs / 2;
      port = await proxy.call('listen', { serverPort: port, delayMs, localAddress });
    }
    const share: MorningOptions = {
      port,
      security,
      localAddress,
      count: Math.ceil(count / processCount),
      accounts,
      password,
      ...(arrival !== undefined && { perSecond: arrival.perSecond / processCount }),
    };
    await Promise.all(loads.map((load) => load.call('prepare', share)));
    const memory = await watchMemory(pid);
    const reports = await Promise.all(loads.map((load) => load.call('begin', undefined)));
    const isServerRunning = server.process.isRunning;
    await Promise.all(loads.map((load) => load.call('leave', undefined)));
    return { count: share.count * processCount, reports, memory: memory.stop(), isServerRunning };
  } finally {
    await Promise.all([proxy, ...loads].map((load) => load.stop()));
    await server.stop();
  }
}

export function printMorning({ count, reports, memory, isServerRunning }: MorningResult): void {
  const servedMs = reports.flatMap((report) => report.servedMs);
  const lastMs = Math.max(...reports.map((report) => report.lastMs));
  printFigure(`served, of ${count}`, servedMs.length, '', { atLeast: count });
  for (const { failures } of reports) {
    for (const [reason, failed] of Object.entries(failures))
      console.log(`  ${failed} times: ${reason}`);
  }
  printFigure('the last was done after', lastMs / 1000, 's', { atMost: lastBoundSeconds });
  printFigure('a client was served within, median', median(servedMs) / 1000, 's');
  const { beforeBytes, peakBytes } = memory;
  printFigure(
    'memory (PSS) above before, at its peak',
    (peakBytes - beforeBytes) / mebibyte,
    'MiB',
  );
  printFigure('server is running', isServerRunning ? 1 : 0, '', { atLeast: 1 });
}
