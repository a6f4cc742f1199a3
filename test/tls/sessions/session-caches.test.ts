import t from 'tap';
import { NullSessionCache, SegmentSessionCache, type SessionCache } from '../../../tls/index.ts';
import { DroppedSegmentSessionCache } from '../../fixtures/dropped-segment-session-cache.ts';
import { HoardingSessionCache } from '../../fixtures/hoarding-session-cache.ts';
import { NaiveMapSessionCache } from '../../fixtures/naive-map-session-cache.ts';
import {
  contractLifetimeMs,
  makeSession,
  testSessionCacheContract,
} from '../../fixtures/session-cache-contract.ts';

const options = { maxBytes: 8 * 1024 * 1024, lifetimeMs: contractLifetimeMs };

void t.test('SegmentSessionCache keeps the contract', async (t) => {
  testSessionCacheContract(t, {
    makeCache: (clock) => new SegmentSessionCache({ ...options, clock }),
  });
});

void t.test('SegmentSessionCache keeps the contract in segments of 1 KiB', async (t) => {
  testSessionCacheContract(t, {
    makeCache: (clock) => new SegmentSessionCache({ ...options, segmentBytes: 1024, clock }),
  });
});

void t.test('DroppedSegmentSessionCache keeps the contract', async (t) => {
  testSessionCacheContract(t, {
    makeCache: (clock) => new DroppedSegmentSessionCache({ ...options, clock }),
  });
});

void t.test('NaiveMapSessionCache keeps the contract', async (t) => {
  testSessionCacheContract(t, { makeCache: (clock) => new NaiveMapSessionCache({ clock }) });
});

void t.test('HoardingSessionCache keeps the contract', async (t) => {
  testSessionCacheContract(t, {
    makeCache: (clock) => new HoardingSessionCache({ ...options, clock }),
  });
});

void t.test('NullSessionCache keeps nothing', async (t) => {
  const cache: SessionCache = new NullSessionCache();
  const { id, session } = makeSession();
  await cache.put(id, session, { expiresAt: Infinity, account: 'alice' });
  await cache.promote([id], 'alice');
  t.equal(await cache.get(id), undefined);
  t.equal(await cache.take(id), undefined);
  await cache.delete(id);
  t.equal(await cache.purge({ account: 'alice' }), 0);
  t.equal(cache.stats().entryCount, 0);
  t.equal(cache.stats().heldBytes, 0);
  t.equal(cache.stats().lookups.unknown, 2);
  await cache.close();
});
