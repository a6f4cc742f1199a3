import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pino from 'pino';
import t from 'tap';
import { LineBatch } from '../../server/line-batch.ts';
import { until } from '../fixtures/until.ts';

function makeLog() {
  const writes: string[] = [];
  const batch = new LineBatch((lines) => writes.push(lines));
  const logger = pino({ base: null, timestamp: false, level: 'debug' }, batch);
  const messages = () =>
    writes.map((lines) =>
      lines
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { msg: string }).msg),
    );
  return { batch, logger, messages };
}

await t.test('a line after a pause is written at once, the next ones together', async (t) => {
  const { logger, messages } = makeLog();
  logger.info('1');
  t.same(messages(), [['1']]);
  logger.info('2');
  logger.debug('3');
  t.same(messages(), [['1']]);
  await until(() => messages().length === 2);
  t.same(messages()[1], ['2', '3']);
  logger.info('4');
  await until(() => messages().length === 3);
  t.same(messages(), [['1'], ['2', '3'], ['4']]);
});

await t.test('a warning waits for nothing, nor does what was before it', async (t) => {
  const { logger, messages } = makeLog();
  for (const text of ['1', '2', '3']) logger.info(text);
  logger.warn('4');
  t.same(messages(), [['1'], ['2', '3', '4']]);
  logger.error('5');
  logger.info('6');
  t.same(messages(), [['1'], ['2', '3', '4'], ['5']]);
});

await t.test('no more waits than there is room for', async (t) => {
  const { logger, messages } = makeLog();
  for (let count = 0; count < 3_000; count++) logger.info('x'.repeat(100));
  t.ok(messages().length > 3);
  t.ok(messages().flat().length > 2_000);
});

await t.test('flush writes what waits, once', async (t) => {
  const { batch, logger, messages } = makeLog();
  logger.info('1');
  logger.info('2');
  batch.flush();
  batch.flush();
  t.same(messages(), [['1'], ['2']]);
  logger.info('3');
  await new Promise((resolve) => logger.flush(resolve));
  t.same(messages(), [['1'], ['2'], ['3']]);
  await new Promise((resolve) => logger.flush(resolve));
});

await t.test('nothing of what was logged stays with it', async (t) => {
  const { batch, logger } = makeLog();
  const secret = { password: 'hush' };
  logger.info(secret, 'login');
  for (const key of ['lastObj', 'lastMsg', 'lastTime', 'lastLogger'] as const) {
    t.equal(batch[key], undefined, key);
  }
});

await t.test('the last lines are there, however a process ends', async (t) => {
  const logging = join(import.meta.dirname, '../../server/logging.ts');
  for (const end of ['process.exit(3)', 'throw new Error("crash")', 'undefined']) {
    const program = `import { createLogger } from ${JSON.stringify(logging)};
      const logger = createLogger({ level: 'info' });
      for (let count = 0; count < 100; count++) logger.info({ count }, 'line');
      ${end};`;
    const { stderr } = await promisify(execFile)(process.execPath, [
      '--input-type=module',
      '--eval',
      program,
    ]).catch((error: unknown) => error as { stderr: string });
    const counts = stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => (JSON.parse(line) as { count: number }).count);
    t.same(counts, [...Array(100).keys()], end);
  }
});
