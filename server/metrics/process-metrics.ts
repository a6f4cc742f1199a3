import { readdir, readFile } from 'node:fs/promises';
import type { TicketKeyMode } from '../../tls/index.ts';
import { serverVersion } from '../version.ts';
import { oneReading, type PolledRegistry } from './polled-registry.ts';

const startedAtSeconds = performance.timeOrigin / 1000;

/**
 * Adds what Prometheus' clients tell of every process, under the usual names. Not those of prom-client, which
 * wake the process a hundred times a second to measure the delay of the loop and cannot be stopped.
 *
 * @param ticketKeyMode - called for each scrape; undefined before it is known
 * @returns reads what takes time; call it before each scrape
 */
export function addProcessMetrics(
  registry: PolledRegistry,
  ticketKeyMode: () => TicketKeyMode | undefined,
): () => Promise<void> {
  let openFileCount: number | undefined;
  let maxFileCount: number | undefined;
  const gauge = (name: string, help: string, read: () => number | undefined) =>
    registry.addGauge({ name, help, read: () => oneReading(read()) });
  addBuildAndTime(registry, ticketKeyMode);
  gauge(
    'process_start_time_seconds',
    'When the process started, in seconds since 1970.',
    () => startedAtSeconds,
  );
  gauge('process_resident_memory_bytes', 'Resident memory of the process.', () =>
    process.memoryUsage.rss(),
  );
  gauge('process_open_fds', 'Open file descriptors.', () => openFileCount);
  gauge(
    'process_max_fds',
    'File descriptors that the process may have open; new clients are refused near it.',
    () => maxFileCount,
  );
  gauge(
    'nodejs_heap_size_used_bytes',
    'Heap in use in the main thread.',
    () => process.memoryUsage().heapUsed,
  );
  gauge(
    'nodejs_external_memory_bytes',
    'Memory outside the heap of the main thread.',
    () => process.memoryUsage().external,
  );
  return async () => {
    maxFileCount = (await readMaxFiles()) ?? maxFileCount;
    openFileCount = await countOpenFiles(maxFileCount);
  };
}

/** The versions, and the CPU time of the process. */
function addBuildAndTime(
  registry: PolledRegistry,
  ticketKeyMode: () => TicketKeyMode | undefined,
): void {
  registry.addGauge({
    name: 'reprise_build_info',
    help: 'Always 1; its labels tell the versions, and how ticket keys come to OpenSSL (native: tickets are renewed).',
    read: () => [
      [
        {
          version: serverVersion,
          node: process.versions.node,
          openssl: process.versions.openssl ?? '',
          ticket_keys: ticketKeyMode() ?? '',
        },
        1,
      ],
    ],
  });
  registry.addCounter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of the process, all threads, in seconds.',
    read: () => {
      const { user, system } = process.cpuUsage();
      return oneReading((user + system) / 1e6);
    },
  });
}

/** Undefined if the system does not tell, or has no descriptor left to ask with. */
async function readMaxFiles(): Promise<number | undefined> {
  try {
    const limits = await readFile('/proc/self/limits', 'latin1');
    const count = /^Max open files +(\d+)/m.exec(limits)?.[1];
    return count === undefined ? undefined : Number(count);
  } catch {
    return undefined;
  }
}

/** Undefined if the system does not tell; all that there can be if there is none left to ask with. */
async function countOpenFiles(maxFileCount: number | undefined): Promise<number | undefined> {
  try {
    // One of them is the directory itself.
    return (await readdir('/proc/self/fd')).length - 1;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EMFILE' || code === 'ENFILE' ? maxFileCount : undefined;
  }
}
