import { setTimeout as delay } from 'node:timers/promises';
import { DataDirectoryInUseError } from '../../store/data-directory-lock.ts';
import type { Configuration } from '../config/configuration.ts';
import type { Administration } from '../control/administration.ts';
import { connectToServer } from '../control/control-client.ts';
import { UsageError } from './usage-error.ts';

/** How long a server may take to start, or another command to end. */
const patienceMs = 5_000;

const pauseMs = 100;

/**
 * Administration of a data directory: through the server that has it open, or else on its store, which is
 * then locked until `close`. Rejects with a `DataDirectoryInUseError` if another process has it and does
 * not answer, and with a {@link UsageError} if mail is kept in the memory of a server, and none runs.
 */
export async function openAdministration(
  configuration: Pick<Configuration, 'dataDirectory' | 'store' | 'backsUpMigrations'>,
): Promise<Administration> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const server = await connectToServer(configuration.dataDirectory);
    if (server !== undefined) return server;
    try {
      return await openLocally(configuration);
    } catch (error) {
      const isWorthWaiting =
        error instanceof DataDirectoryInUseError || configuration.store === 'memory';
      if (!isWorthWaiting || performance.now() >= deadline) throw error;
    }
    await delay(pauseMs);
  }
}

/** Loads the store only where no server has it already. */
async function openLocally({
  dataDirectory,
  store,
  backsUpMigrations: backsUp = true,
}: Pick<Configuration, 'dataDirectory' | 'store' | 'backsUpMigrations'>): Promise<Administration> {
  if (store === 'memory') {
    throw new UsageError(
      `No server runs on data directory "${dataDirectory}": with REPRISE_STORE=memory accounts and mail are only in a server that runs`,
    );
  }
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
