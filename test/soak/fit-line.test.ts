import t from 'tap';
import { fitLine } from './fit-line.ts';

void t.test('finds the line through points that lie on it', async (t) => {
  const line = fitLine([1, 2, 3, 4].map((x) => ({ x: x * 100_000, y: 150e6 + 3 * x * 100_000 })));
  t.ok(Math.abs(line.slope - 3) < 1e-9);
  t.ok(Math.abs(line.intercept - 150e6) < 1e-3);
  for (const end of line.slopeInterval) t.ok(Math.abs(end - 3) < 1e-6);
});

void t.test('gives the 95 % interval of the slope', async (t) => {
  const y = [2, 1, 4, 3, 5];
  const { slope, slopeInterval } = fitLine(y.map((value, index) => ({ x: index + 1, y: value })));
  t.ok(Math.abs(slope - 0.8) < 1e-9);
  // Residuals squared sum to 3.6: the error is √(3.6 / 3 / 10); Student's t at 0.975 with 3 degrees: 3.182446.
  t.ok(Math.abs(slopeInterval[0] - -0.302432) < 1e-5, String(slopeInterval[0]));
  t.ok(Math.abs(slopeInterval[1] - 1.902432) < 1e-5, String(slopeInterval[1]));
});

void t.test('the order of the points does not matter', async (t) => {
  const points = [4, 1, 3, 2, 5].map((x) => ({ x, y: -x * x }));
  const [low, high] = fitLine(points).slopeInterval;
  t.ok(low < -6 && high > -6 && low < high);
});

void t.test('refuses two points', async (t) => {
  t.throws(
    () =>
      fitLine([
        { x: 1, y: 1 },
        { x: 2, y: 2 },
      ]),
    RangeError,
  );
});
