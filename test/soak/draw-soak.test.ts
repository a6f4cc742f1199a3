import t from 'tap';
import { drawSoak } from './draw-soak.ts';
import { judgeSoak } from './judge-soak.ts';
import { growingBy, soakResult } from './soak-result.ts';

void t.test('draws what was measured', async (t) => {
  const result = soakResult(growingBy(100));
  const svg = drawSoak(result, judgeSoak(result));
  t.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
  t.match(svg, />Cache "memory", allocator "jemalloc": 13000 connections, 6000 of them resumed</);
  t.match(
    svg,
    />Resident memory at quiet points: 100\.0 bytes per connection \(95 %: 100\.0 to 100\.0\)</,
  );
  t.match(svg, />The same after a forced collection: 0\.0 bytes per connection /);
  t.equal(svg.match(/<circle [^>]*fill="white"/g)?.length, 1, 'the quiet point of the warm-up');
  t.equal(svg.match(/<circle [^>]*fill="#cf222e"/g)?.length, 12, 'the others');
  t.equal(svg.match(/<path [^>]*fill="none"/g)?.length, 5, 'four series and the line');
  t.notMatch(svg, /NaN|undefined|Infinity/);
});

void t.test('has no more points than can be seen', async (t) => {
  const result = soakResult(growingBy(0));
  const samples = Array.from({ length: 50_000 }, (_, index) => ({
    ...result.quietPoints[0]!,
    atMs: index * 1000,
  }));
  const svg = drawSoak({ ...result, samples }, judgeSoak(result));
  t.ok(svg.length < 200_000, String(svg.length));
});
