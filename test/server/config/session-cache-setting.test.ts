import t from 'tap';
import {
  formatSessionCacheSetting,
  parseSessionCacheSetting,
  withoutPassword,
} from '../../../server/config/session-cache-setting.ts';

await t.test('every form is read and shown again', async (t) => {
  const cases = [
    ['memory', { kind: 'memory' }],
    ['tickets', { kind: 'tickets' }],
    ['off', { kind: 'off' }],
    ['module:./my-cache.js', { kind: 'module', path: './my-cache.js' }],
    ['redis://localhost', { kind: 'redis', url: 'redis://localhost' }],
    ['rediss+sentinel://a:1,b:2/main', { kind: 'redis', url: 'rediss+sentinel://a:1,b:2/main' }],
    ['redis+cluster://a:1,b:2', { kind: 'redis', url: 'redis+cluster://a:1,b:2' }],
  ] as const;
  for (const [text, setting] of cases) {
    t.strictSame(parseSessionCacheSetting(text), setting, text);
    t.equal(formatSessionCacheSetting(setting), text);
  }
});

await t.test('anything else is refused', async (t) => {
  for (const text of ['', 'Memory', 'module:', 'http://a', 'memcached://a', 'redisx://a']) {
    t.equal(parseSessionCacheSetting(text), undefined, text);
  }
  for (const text of ['redis:', 'redis://', 'redis:///1', 'redis+sentinel://a', 'redis://a,b']) {
    t.throws(() => parseSessionCacheSetting(text), TypeError, text);
  }
});

await t.test('passwords are hidden, names are not', async (t) => {
  t.equal(withoutPassword('redis://:hunter2@a:1'), 'redis://:***@a:1');
  t.equal(withoutPassword('redis://bob:hunter2@a/1'), 'redis://bob:***@a/1');
  t.equal(
    withoutPassword('redis+sentinel://a/b?sentinelPassword=hunter2'),
    'redis+sentinel://a/b?sentinelPassword=***',
  );
  t.equal(withoutPassword('redis://a:6379/1'), 'redis://a:6379/1');
  for (const text of [
    'redis://bob:hunter2/x@a',
    'redis://bob:x@hunter2@a',
    'redis:/bob:hunter2@a',
    'redis//bob:hunter2@a',
    'redis:bob:hunter2@a',
  ]) {
    t.match(withoutPassword(text), /:\*\*\*@a$/, text);
    t.notMatch(withoutPassword(text), 'hunter2', text);
  }
});
