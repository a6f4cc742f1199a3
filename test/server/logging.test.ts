import t from 'tap';
import { createLogger, writeLogLines } from '../../server/logging.ts';

function capture(level: 'info' | 'debug' = 'info') {
  const lines: string[] = [];
  const logger = createLogger({ level, destination: { write: (line) => void lines.push(line) } });
  return { lines, logger };
}

await t.test('one JSON object a line', async (t) => {
  const { lines, logger } = capture();
  logger.info({ imapPort: 143, imapsPort: 993 }, 'listening');
  logger.debug('not shown');
  logger.info('two\nlines');
  t.equal(lines.length, 2);
  t.ok(lines.every((line) => line.indexOf('\n') === line.length - 1));
  t.match(JSON.parse(lines[0] ?? ''), {
    level: 'info',
    time: /^\d{4}-\d\d-\d\dT.*Z$/,
    msg: 'listening',
    imapPort: 143,
    imapsPort: 993,
  });
});

await t.test('lines of another logger are written one by one, as its own', async (t) => {
  const { lines, logger } = capture();
  writeLogLines(logger, '{"msg":"1\u2028\r"}\n{"msg":"2"}\n');
  writeLogLines(logger, '');
  t.same(lines, ['{"msg":"1\u2028\r"}\n', '{"msg":"2"}\n']);
});

await t.test('secrets are left out, at every level that occurs', async (t) => {
  const { lines, logger } = capture();
  const account = { name: 'alice', credentials: { argon2id: 'hush', scramSha256: 'hush' } };
  logger.info({ account, password: 'hush' }, 'login');
  logger.info({ command: { name: 'LOGIN', password: 'hush' } }, 'command');
  logger
    .child({ userName: 'alice' })
    .info({ request: { params: { password: 'hush' } } }, 'control');
  t.equal(lines.length, 3);
  t.notMatch(lines.join(''), 'hush');
  t.match(lines.join(''), 'alice');
});

await t.test('secrets of an error are left out, and the rest of it is shown', async (t) => {
  const { lines, logger } = capture();
  const details = { password: 'hush', port: 993 };
  const error = Object.assign(new TypeError('Refused'), { ...details, request: details });
  logger.error({ err: error }, 'failed');
  logger.error({ attempt: { cause: Object.assign(new Error('Lost'), details) } }, 'failed');
  logger.error({ err: 'not an error' }, 'failed');
  logger.error(error, 'failed');
  t.notMatch(lines.join(''), 'hush');
  t.match(JSON.parse(lines[0] ?? ''), {
    err: { type: 'TypeError', message: 'Refused', stack: /logging\.test/, request: { port: 993 } },
  });
  t.match(lines[1], '993');
  t.match(lines[2], 'not an error');
  t.match(lines[3], 'TypeError');
  t.equal(error.password, 'hush', 'what was logged is not changed');
});
