import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { connectStore } from '../../store/open-store.ts';
import { RemoteSessionCache, ReplicatedTicketKeys } from '../../tls/index.ts';
import { LinkedPasswordChecks } from '../authentication/password-check-link.ts';
import { LineBatch } from '../line-batch.ts';
import { createLogger } from '../logging.ts';
import { ThreadMetricsRecorder } from '../metrics/thread-metrics-recorder.ts';
import { collectGarbage } from './heap.ts';
import { LocalMailServer, type LocalMailServerOptions } from './mail-server.ts';
import type { MessageFromWorker, MessageToWorker, WorkerStart } from './messages.ts';
import { collectWhenQuiet } from './quiet-watch.ts';
import { standExample } from './standing-example.ts';

/**
 * A worker: serves clients with a store client and listeners of its own, and asks the main thread for sessions
 * and verified logins. What goes wrong at the start, or later without being caught, ends the thread; the main
 * thread is told by the thread's `error` event.
 */
async function runWorker(mainThread: MessagePort, start: WorkerStart): Promise<void> {
  const tell = (message: MessageFromWorker) => mainThread.postMessage(message, []);
  const store = await connectStore(start.storeLink);
  const ticketKeys = new ReplicatedTicketKeys(start.ticketKeys);
  const sessionCache = new RemoteSessionCache(start.sessionPort);
  const verifiedLogins = new RemoteSessionCache(start.verifiedLoginsPort);
  const logger = createLogger({
    level: start.logLevel,
    workerNumber: start.workerNumber,
    destination: new LineBatch((lines) => tell({ kind: 'log', lines })),
  });
  const server = makeServer(start, { store, sessionCache, ticketKeys, verifiedLogins, logger });
  const handle = async (message: MessageToWorker): Promise<void> => {
    switch (message.kind) {
      case 'listen':
        await server.listen();
        tell({ kind: 'listening' });
        void standExample({ store, logger });
        collectWhenQuiet();
        // What loading the modules has left.
        return collectGarbage();
      case 'disconnect': {
        const { count } = await server.disconnect(message.owner, message.text);
        return tell({ kind: 'disconnected', call: message.call, count });
      }
      case 'replaceTicketKeys':
        return ticketKeys.replace(message.ticketKeys);
      case 'close':
        await server.close(message.deadlineMs);
        await Promise.all([store.close(), sessionCache.close(), verifiedLogins.close()]);
        // Ends this thread alone.
        return process.exit(0);
      default:
        return change(server, message);
    }
  };
  // A rejection stays unhandled, and so ends the thread.
  mainThread.on('message', (message: MessageToWorker) => void handle(message));
  tell({ kind: 'prepared' });
}

/** What a worker owns besides its server. */
type OwnParts = Pick<
  LocalMailServerOptions,
  'store' | 'sessionCache' | 'ticketKeys' | 'verifiedLogins' | 'logger'
>;

function makeServer(start: WorkerStart, parts: OwnParts): LocalMailServer {
  return new LocalMailServer({
    ...parts,
    settings: start.settings,
    threadIndex: start.workerNumber - 1,
    passwordChecks: new LinkedPasswordChecks(start.passwordChecks),
    metrics: new ThreadMetricsRecorder(start.metricValues),
  });
}

/** What changes a server that goes on. */
type ServerChange = Exclude<
  MessageToWorker,
  { readonly kind: 'listen' | 'disconnect' | 'replaceTicketKeys' | 'close' }
>;

function change(server: LocalMailServer, message: ServerChange): void {
  switch (message.kind) {
    case 'replaceCredentials':
      return server.replaceCredentials(message.credentials);
    case 'replaceClientCertificates':
      return server.replaceClientCertificates(message.policy);
    case 'forgetCertificate':
      return server.forgetCertificate(message.fingerprint256, message.purgedAt);
  }
}

if (parentPort) await runWorker(parentPort, workerData as WorkerStart);
