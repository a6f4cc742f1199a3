import { connect } from 'node:net';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { errorFields, reasonOf } from '../../server/error-fields.ts';
import { CredentialError, PurgeError } from '../../tls/index.ts';

await t.test('an error with a clear message is one line, any other is whole', async (t) => {
  const cause = new Error('ENOENT');
  const credential = new CredentialError('Cannot read key "k": ENOENT', { cause });
  t.strictSame(errorFields(credential), { reason: 'Cannot read key "k": ENOENT' });
  t.strictSame(errorFields(new PurgeError('Redis is away', 3)), { reason: 'Redis is away' });
  const missing: unknown = await readFile('/nowhere/at/all').catch((error: unknown) => error);
  t.match(errorFields(missing), { reason: /^ENOENT: .*'\/nowhere\/at\/all'$/ });
  const bug = new TypeError('undefined is not a function');
  t.strictSame(errorFields(bug), { err: bug });
});

await t.test('a reason names the causes, and has a text in any case', async (t) => {
  const cause = new Error('connect ECONNREFUSED');
  t.equal(
    reasonOf(new Error('No Sentinel told it', { cause })),
    'No Sentinel told it: connect ECONNREFUSED',
  );
  t.equal(reasonOf(new Error('two\n  lines')), 'two lines');
  t.equal(reasonOf('text'), 'text');
  // Of a name with two addresses: an AggregateError without a message.
  const lookup = (_: string, __: object, done: (error: null, found: object[]) => void): void => {
    done(null, [
      { address: '127.0.0.1', family: 4 },
      { address: '127.0.0.2', family: 4 },
    ]);
  };
  const socket = connect({ host: 'redis.test', port: 1, lookup: lookup as never });
  const [error] = (await once(socket, 'error').catch((error: unknown) => [error])) as [Error];
  t.equal(error.message, '');
  t.equal(reasonOf(error), 'ECONNREFUSED');
});
