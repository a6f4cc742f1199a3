import type { Logger } from 'pino';
import type { Configuration } from '../config/configuration.ts';
import { ConfigurationError } from '../config/configuration-error.ts';
import { formatListeners } from '../config/listeners.ts';
import { createServer, type RepriseServer } from '../create-server.ts';
import { createLogger } from '../logging.ts';
import { callInThread } from '../threads/call-in-thread.ts';
import { boundYoungGeneration, collectGarbage } from '../threads/heap.ts';
import { collectWhenQuiet, trimWhenQuiet } from '../threads/quiet-watch.ts';

import type { ServeOptions } from './command-options.ts';

/** Supervisors kill after ten seconds; what is not closed by then never will be. */
const stopDeadlineMs = 9_500;

/** A signal that comes this soon after the first is the same one, not a second thought. */
const sameSignalMs = 300;

/**
 * Serves until SIGTERM or SIGINT, or until it cannot go on, then ends the process: the code is 0 where a
 * signal came and all could be closed.
 */
export async function serve(options: ServeOptions & { withDemo: boolean }): Promise<void> {
  // From the beginning: as process 1 of a container nothing else would end us.
  const signal = nextSignal();
  let logger: Logger | undefined;
  process.on('SIGHUP', () => logger?.info({ signal: 'SIGHUP' }, 'this signal does nothing yet'));
  const configuration = await readConfiguration(options);
  boundYoungGeneration(configuration.workerCount === 0);
  logger = createLogger({ level: configuration.logLevel });
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'uncaught error');
    process.exit(1);
  });
  const failure = Promise.withResolvers<Error>();
  const server = await createServer({ configuration, logger, onFailure: failure.resolve });
  const { imapPort, imapsPort, adminPort } = server;
  const listeners = formatListeners(server.listeners);
  logger.info({ imapPort, imapsPort, adminPort, listeners, pid: process.pid }, 'listening');
  if (configuration.workerCount === 0) {
    // Only here: a main thread beside workers serves nobody.
    const { standExample } = await import('../threads/standing-example.ts');
    void standExample({ store: server.store, logger });
  }
  // What loading the modules has left.
  void collectGarbage();
  collectWhenQuiet();
  trimWhenQuiet();
  if (options.withDemo) {
    const { addDemoAccount } = await import('../demo/demo-account.ts');
    const { describeDemo } = await import('../demo/describe-demo.ts');
    const password = await addDemoAccount(server.store);
    // Whoever read it may be gone.
    process.stdout.on('error', (error) => logger.warn({ err: error }, 'cannot print'));
    process.stdout.write(describeDemo({ configuration, imapPort, imapsPort, password }));
  }
  const cause = await Promise.race([signal, failure.promise]);
  if (typeof cause === 'string') logger.info({ signal: cause }, 'stopping');
  else logger.fatal({ err: cause }, 'cannot go on');
  await stop(server, logger, typeof cause === 'string' ? 0 : 1);
}

async function readConfiguration({ config, backup }: ServeOptions): Promise<Configuration> {
  try {
    const configuration = await callInThread('readConfiguration', {
      environment: { ...process.env },
      ...(config !== undefined && { filePath: config }),
    });
    return backup ? configuration : { ...configuration, backsUpMigrations: false };
  } catch (error) {
    const { problems } = error as Partial<ConfigurationError>;
    throw problems === undefined ? error : new ConfigurationError(problems);
  }
}

async function stop(server: RepriseServer, logger: Logger, exitCode: number): Promise<void> {
  // npm passes on what the terminal has sent to all of us already, so the same signal comes twice.
  setTimeout(() => {
    void nextSignal().then((second) => {
      logger.warn({ signal: second }, 'stopped at once');
      process.exit(1);
    });
  }, sameSignalMs).unref();
  setTimeout(() => {
    logger.error('could not stop in time');
    process.exit(1);
  }, stopDeadlineMs).unref();
  await server.close();
  logger.info('stopped');
  process.exit(exitCode);
}

/** The handlers stay: without any, the system would end the process at the next signal. */
function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(signal));
  });
}
