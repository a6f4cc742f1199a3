import t from 'tap';
import { PolledRegistry } from '../../../server/metrics/polled-registry.ts';

await t.test("what Prometheus' text format says", async (t) => {
  const registry = new PolledRegistry();
  registry.addCounter({
    name: 'requests_total',
    help: 'With a \\ and\na line feed.',
    read: () => [
      [{ path: 'a"b\\c\nd', method: 'GET' }, 3],
      [{}, 1e21],
    ],
  });
  registry.addGauge({
    name: 'level',
    help: 'A level.',
    read: () => [
      [{ at: 'one' }, Infinity],
      [{ at: 'two' }, -Infinity],
      [{ at: 'three' }, NaN],
    ],
  });
  registry.addGauge({ name: 'unknown', help: 'Nothing is known.', read: () => [] });
  t.equal(registry.contentType, 'text/plain; version=0.0.4; charset=utf-8');
  t.equal(
    registry.text(),
    String.raw`# HELP requests_total With a \\ and\na line feed.
# TYPE requests_total counter
requests_total{path="a\"b\\c\nd",method="GET"} 3
requests_total 1e+21
# HELP level A level.
# TYPE level gauge
level{at="one"} +Inf
level{at="two"} -Inf
level{at="three"} NaN
# HELP unknown Nothing is known.
# TYPE unknown gauge
`,
  );
});

await t.test('a histogram counts each duration in every bucket that it fits', async (t) => {
  const registry = new PolledRegistry();
  const observe = registry.addHistogram({ name: 'step', help: 'Steps.', buckets: [0.25, 0.5] });
  for (const seconds of [0.125, 0.25, 0.375, 2]) observe(seconds);
  t.equal(
    registry.text(),
    `# HELP step Steps.
# TYPE step histogram
step_bucket{le="0.25"} 2
step_bucket{le="0.5"} 3
step_bucket{le="+Inf"} 4
step_sum 2.75
step_count 4
`,
  );
});
