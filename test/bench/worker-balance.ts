// How evenly the system spreads connections over two workers, which listen on the same port (SO_REUSEPORT):
//
//     npm run bench -- worker-balance [connections] [NAME=value of its environment …]
import { ImapClient } from '../fixtures/imap-client.ts';
import { startServerProcess } from '../fixtures/server-process.ts';
import { until } from '../fixtures/until.ts';
import { printFigure } from './figures.ts';
import { environmentOf, positionalOf } from './settings.ts';

const [connections = '10000'] = positionalOf(process.argv.slice(2));
const count = Number(connections);
/** Connections at one time. */
const parallel = 50;

const server = await startServerProcess({
  environment: {
    REPRISE_WORKERS: '2',
    // So that each connection is told.
    REPRISE_LOG_LEVEL: 'debug',
    ...environmentOf(process.argv.slice(2)),
  },
});
try {
  let left = count;
  const connect = async () => {
    while (left-- > 0) {
      const client = await ImapClient.connect({ port: server.imapPort, security: 'plain' });
      await client.drop();
    }
  };
  await Promise.all(Array.from({ length: parallel }, connect));
  const connected = () => server.log.filter(({ msg }) => msg === 'connected');
  await until(() => connected().length >= count);
  const counts = [1, 2].map(
    (worker) => connected().filter((line) => line['worker'] === worker).length,
  );
  for (const [index, each] of counts.entries())
    printFigure(`connections of worker ${index + 1}`, each, '');
  // Four standard deviations of what chance alone does.
  const atMost = 50 + 200 / Math.sqrt(count);
  const share = (100 * Math.max(...counts)) / count;
  printFigure('share of the one that has more', share, '%', { atMost });
} finally {
  await server.stop();
}
