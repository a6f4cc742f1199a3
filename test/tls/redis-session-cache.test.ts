import t from 'tap';
import { testSessionCacheContract } from '../fixtures/session-cache-contract.ts';
import { connectCache } from '../fixtures/redis-caches.ts';
import { RedisServer, redisSkipReason } from '../fixtures/redis-server.ts';

const redis = redisSkipReason === false ? await RedisServer.start() : undefined;
t.teardown(() => redis?.stop());

void t.test('keeps the contract', { skip: redisSkipReason }, async (t) => {
  testSessionCacheContract(t, {
    makeCache: (clock) => connectCache({ url: redis!.url, clock }),
  });
});
