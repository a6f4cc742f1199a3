import { setTimeout as delay } from 'node:timers/promises';
import { DataDirectoryInUseError } from '../../store/data-directory-lock.ts';
import type { Configuration } from '../config/configuration.ts';
import type { Administration } from '../control/administration.ts';
import { connectToServer } from '../control/control-client.ts';

/** How long a server may take to start, or another command to end. */
const patienceMs = 5_000;

const pauseMs = 100;

/**
 * Administration of a data directory: through the server that has it open, or else on its store, which is
 * then locked until `close`. Rejects with a `DataDirectoryInUseError` where another process has it and does
 * not answer.
 */
export async function openAdministration(
  configuration: Pick<Configuration, 'dataDirectory' | 'backsUpMigrations'>,
): Promise<Administration> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const server = await connectToServer(configuration.dataDirectory);
    if (server !== undefined) return server;
    try {
      return await openLocally(configuration);
    } catch (error) {
      const isWorthWaiting =
        error instanceof DataDirectoryInUseError && performance.now() < deadline;
      if (!isWorthWaiting) throw error;
    }
    await delay(pauseMs);
  }
}

/** Loads the store only where no server has it already. */
async function openLocally({
  dataDirectory,
  backsUpMigrations: backsUp = true,
}: Pick<Configuration, 'dataDirectory' | 'backsUpMigrations'>): Promise<Administration> {
  const { openStore } = await import('../../store/open-store.ts');
  const { StoreAdministration } = await import('../control/store-administration.ts');
  const opened = await openStore({
    engine: 'sqlite',
    dataDirectory,
    backsUp,
    collectIntervalMs: 0,
  });
  return new StoreAdministration(opened.store, { onClose: () => opened.close() });
}
