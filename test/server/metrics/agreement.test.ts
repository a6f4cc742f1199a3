// Numbers agree: what the counters of a server say is what its clients saw, handshake by handshake.
import t from 'tap';
import {
  checkHandshakes,
  failInAllWays,
  kindCount,
  lookups,
  metricsOf,
  noLookups,
  returnCount,
  securities,
  startScene,
  versions,
  visit,
  visitInAllWays,
} from './agreement-scene.ts';

for (const workers of ['0', '2']) {
  await t.test(`memory, ${workers} workers`, async (t) => {
    const scene = await startScene(t, { REPRISE_WORKERS: workers });
    t.equal(await visitInAllWays(scene), kindCount * returnCount, 'each return was resumed');
    await failInAllWays(scene);
    const metrics = await metricsOf(scene);
    checkHandshakes(t, scene, metrics, 'stateful');
    t.same(lookups(metrics), { ...noLookups, hit: kindCount * returnCount });

    const { code, stdout } = await scene.server.process.command(['sessions', 'purge', '--all']);
    t.equal(code, 0);
    const purgedCount = Number(/^Purged (\d+) session/.exec(stdout.toString())?.[1]);
    t.equal(purgedCount, metrics['reprise_session_cache_entries']);
    for (const security of securities) {
      for (const version of versions) t.notOk(await visit(scene, security, version), 'purged');
    }
    const after = await metricsOf(scene);
    checkHandshakes(t, scene, after, 'stateful');
    t.same(lookups(after), { ...noLookups, hit: kindCount * returnCount, unknown: kindCount });
    t.equal(after['reprise_session_cache_removed_total{reason="purged"}'], purgedCount);
    t.ok(after['reprise_session_cache_bytes_used']! > 0);
    t.ok(after['reprise_session_cache_bytes_held']! >= after['reprise_session_cache_bytes_used']!);
    t.ok(after['reprise_session_cache_reclaim_seconds_count']! >= 1);
  });
}
