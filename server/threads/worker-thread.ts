import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { connectSqliteStore } from '../../store/open-sqlite-store.ts';
import { RemoteSessionCache } from '../../tls/remote-session-cache.ts';
import { ReplicatedTicketKeys } from '../../tls/replicated-ticket-keys.ts';
import { LineBatch } from '../line-batch.ts';
import { createLogger } from '../logging.ts';
import { FigureRecorder } from '../metrics/figure-recorder.ts';
import { LocalServing } from './local-serving.ts';
import type { WorkerCommand, WorkerReport, WorkerStart } from './worker-messages.ts';

/**
 * A worker: serves clients with a store client and listeners of its own, and asks the keeper for sessions and
 * remembered logins. What goes wrong at the start, or later without being caught, ends the thread; the keeper
 * is told by the thread's `error` event.
 */
function runWorker(keeper: MessagePort, start: WorkerStart): void {
  const report = (message: WorkerReport) => keeper.postMessage(message, []);
  const store = connectSqliteStore(start.storeLink);
  const ticketKeys = new ReplicatedTicketKeys(start.ticketKeys);
  const sessionCache = new RemoteSessionCache(start.sessionPort);
  const remembered = new RemoteSessionCache(start.rememberedPort);
  const serving = new LocalServing({
    settings: start.settings,
    store,
    sessionCache,
    ticketKeys,
    remembered,
    metrics: new FigureRecorder(start.figures),
    logger: createLogger({
      level: start.logLevel,
      workerNumber: start.workerNumber,
      destination: new LineBatch((lines) => report({ kind: 'log', lines })),
    }),
  });
  const obey = async (command: WorkerCommand) => {
    switch (command.kind) {
      case 'listen':
        await serving.listen();
        return report({ kind: 'listening' });
      case 'disconnectAccount':
        return serving.disconnectAccount(command.accountId, command.text);
      case 'replaceCredentials':
        return serving.replaceCredentials(command.credentials);
      case 'replaceClientCertificates':
        return serving.replaceClientCertificates(command.policy);
      case 'forgetCertificate':
        return serving.forgetCertificate(command.fingerprint256);
      case 'replaceTicketKeys':
        return ticketKeys.replace(command.ticketKeys);
      case 'close':
        await serving.close(command.deadlineMs);
        await Promise.all([store.close(), sessionCache.close(), remembered.close()]);
        // Ends this thread alone.
        return process.exit(0);
    }
  };
  // A rejection stays unhandled, and so ends the thread.
  keeper.on('message', (command: WorkerCommand) => void obey(command));
  report({ kind: 'prepared' });
}

if (parentPort) runWorker(parentPort, workerData as WorkerStart);
