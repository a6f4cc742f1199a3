import t from 'tap';
import { parseRedisUrl, type RedisTarget } from '../../../../tls/sessions/redis/redis-url.ts';

const plain: RedisTarget = {
  kind: 'single',
  addresses: [{ host: 'localhost', port: 6379 }],
  isTls: false,
  username: undefined,
  password: undefined,
  database: 0,
  masterName: undefined,
  sentinelPassword: undefined,
};

const forms: Record<string, Partial<RedisTarget>> = {
  'redis://localhost': {},
  'redis://localhost/': {},
  'rediss://localhost:6380/3': {
    isTls: true,
    addresses: [{ host: 'localhost', port: 6380 }],
    database: 3,
  },
  'redis://[::1]:7000': { addresses: [{ host: '::1', port: 7000 }] },
  'redis://alice:p%40ss:%2Fword@localhost': { username: 'alice', password: 'p@ss:/word' },
  'redis://:secret@localhost': { password: 'secret' },
  'redis://:100%@localhost': { password: '100%' },
  'redis+sentinel://one,[::1],three:27000/mymaster': {
    kind: 'sentinel',
    addresses: [
      { host: 'one', port: 26_379 },
      { host: '::1', port: 26_379 },
      { host: 'three', port: 27_000 },
    ],
    masterName: 'mymaster',
  },
  'rediss+sentinel://:secret@one/my%20master/2?sentinelPassword=a%26b': {
    kind: 'sentinel',
    addresses: [{ host: 'one', port: 26_379 }],
    isTls: true,
    password: 'secret',
    masterName: 'my master',
    database: 2,
    sentinelPassword: 'a&b',
  },
  'redis+cluster://one:7001,two:7002': {
    kind: 'cluster',
    addresses: [
      { host: 'one', port: 7001 },
      { host: 'two', port: 7002 },
    ],
  },
};

for (const [url, difference] of Object.entries(forms)) {
  void t.test(`reads ${url}`, async (t) => {
    t.same(parseRedisUrl(url), { ...plain, ...difference });
  });
}

const refusals: Record<string, RegExp> = {
  'http://localhost': /expected is redis:\/\//,
  'redis+other://localhost': /expected is redis:\/\//,
  'redis://': /expected is redis:\/\//,
  'redis://one,two': /several addresses/,
  'redis://one:70000': /expected are addresses/,
  'redis://one:0': /expected are addresses/,
  'redis://one:x': /expected are addresses/,
  'redis+cluster://one,,two': /expected are addresses/,
  'redis://one/x': /number of a database/,
  'redis://one/1/2': /number of a database/,
  'redis+cluster://one/1': /none for a Cluster/,
  'redis+sentinel://one': /name of the master/,
  'redis+sentinel://one/': /name of the master/,
  'redis://one?tls=true': /only parameter/,
  'redis://one?sentinelPassword=x': /only parameter/,
};

for (const [url, message] of Object.entries(refusals)) {
  void t.test(`refuses ${url}`, async (t) => {
    t.throws(() => parseRedisUrl(url), { name: 'TypeError', message });
  });
}

void t.test('tells no password', async (t) => {
  for (const url of [
    'redis://alice:hunter2@one/x',
    'redis://alice:hunt@er2@one/x',
    'redis+sentinel://one?sentinelPassword=hunter2',
    'other://:hunter2@one',
  ]) {
    try {
      parseRedisUrl(url);
      t.fail('not refused');
    } catch (error) {
      t.notMatch((error as Error).message, /hunt|er2/);
      t.match((error as Error).message, /\*\*\*/);
    }
  }
});
