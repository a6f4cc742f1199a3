import { scaleLinear } from 'd3-scale';
import { line as linePath } from 'd3-shape';
import type { FittedLine } from './fit-line.ts';
import type { Verdict } from './judge-soak.ts';
import { formatMix } from './load-mix.ts';
import type { QuietPoint, SoakResult, SoakSample } from './run-soak.ts';

const width = 900;
const left = 70;
const right = 20;
const panelGap = 44;
const mebibyte = 1024 * 1024;

interface Series {
  readonly name: string;
  readonly color: string;
  readonly value: (sample: SoakSample) => number;
}

interface Panel {
  readonly title: string;
  readonly height: number;
  readonly series: readonly Series[];
}

const resident = { name: 'resident', color: '#1f6feb' };
const fitted = { name: 'line through the quiet points', color: '#cf222e' };

const panels: readonly Panel[] = [
  {
    title: 'Resident memory, MiB',
    height: 260,
    series: [{ ...resident, value: ({ residentBytes }) => residentBytes / mebibyte }],
  },
  {
    title: 'Session cache, MiB',
    height: 130,
    series: [
      { name: 'held', color: '#bf8700', value: ({ heldBytes }) => heldBytes / mebibyte },
      { name: 'used', color: '#1a7f37', value: ({ usedBytes }) => usedBytes / mebibyte },
    ],
  },
  {
    title: 'Connections made, thousands',
    height: 100,
    series: [
      {
        name: 'connections',
        color: '#57606a',
        value: ({ connectionCount }) => connectionCount / 1000,
      },
    ],
  },
];

/** A plot of a soak over time, as an SVG document. */
export function drawSoak(
  result: SoakResult,
  { line, collectedLine }: Pick<Verdict, 'line' | 'collectedLine'>,
): string {
  const { quietPoints } = result;
  const samples = thinOut(result.samples);
  const minutes = (sample: SoakSample): number => sample.atMs / 60_000;
  const last = samples.at(-1);
  const x = scaleLinear()
    .domain([0, last === undefined ? 1 : minutes(last)])
    .range([left, width - right]);
  let top = 108;
  const parts: string[] = [];
  for (const [index, panel] of panels.entries()) {
    parts.push(drawPanel(panel, samples, minutes, x, top));
    if (index === 0) parts.push(drawQuietPoints(panel, samples, quietPoints, line, x, top));
    top += panel.height + panelGap;
  }
  const height = top - panelGap + 50;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...drawTitle(result, line, collectedLine),
    ...parts,
    ...x
      .ticks(10)
      .map((tick) =>
        text(x(tick), height - 26, String(tick), 'text-anchor="middle" fill="#57606a"'),
      ),
    text((left + width - right) / 2, height - 8, 'minutes', 'text-anchor="middle" fill="#57606a"'),
    '</svg>',
    '',
  ].join('\n');
}

/** The samples, or every n-th of them where there are more than can be seen. */
function thinOut(samples: readonly SoakSample[]): readonly SoakSample[] {
  const step = Math.ceil(samples.length / width);
  return samples.filter((_, index) => index % step === 0);
}

/** A line of text that tells the slope. */
export function describeLine({ slope, slopeInterval: [low, high] }: FittedLine): string {
  return `${slope.toFixed(1)} bytes per connection (95 %: ${low.toFixed(1)} to ${high.toFixed(1)})`;
}

function drawTitle(
  { options, counts }: SoakResult,
  line: FittedLine,
  collectedLine: FittedLine,
): string[] {
  const title = `Cache "${options.cacheKind}", allocator "${options.allocator}": ${counts.connections} connections, ${counts.resumed} of them resumed`;
  const color = `fill="${fitted.color}"`;
  return [
    text(left, 22, title, 'font-size="15" font-weight="bold"'),
    text(left, 40, `Resident memory at quiet points: ${describeLine(line)}`, color),
    text(left, 56, `The same after a forced collection: ${describeLine(collectedLine)}`, color),
    text(left, 72, `mix ${formatMix(options.mix)}`, 'font-size="10" fill="#57606a"'),
  ];
}

type Scale = ReturnType<typeof scaleLinear<number, number>>;

function scaleOf(panel: Panel, samples: readonly SoakSample[], top: number): Scale {
  const highest = Math.max(
    1,
    ...panel.series.map(({ value }) => samples.reduce((max, s) => Math.max(max, value(s)), 0)),
  );
  return scaleLinear()
    .domain([0, highest])
    .nice(5)
    .range([top + panel.height, top]);
}

function drawPanel(
  panel: Panel,
  samples: readonly SoakSample[],
  minutes: (sample: SoakSample) => number,
  x: Scale,
  top: number,
): string {
  const y = scaleOf(panel, samples, top);
  const parts = [text(left, top - 8, panel.title, 'font-weight="bold"')];
  for (const tick of y.ticks(5)) {
    const at = y(tick).toFixed(1);
    parts.push(
      `<path d="M${left},${at}H${width - right}" stroke="#d0d7de"/>`,
      text(left - 6, y(tick) + 4, String(tick), 'text-anchor="end" fill="#57606a"'),
    );
  }
  for (const [index, { name, color, value }] of panel.series.entries()) {
    const path = linePath<SoakSample>(
      (sample) => x(minutes(sample)),
      (sample) => y(value(sample)),
    ).digits(1)(samples);
    parts.push(`<path d="${path ?? ''}" fill="none" stroke="${color}" stroke-width="1.3"/>`);
    if (panel.series.length > 1) {
      parts.push(text(width - right - 90 + index * 50, top - 8, name, `fill="${color}"`));
    }
  }
  return parts.join('\n');
}

/** The quiet points, and the line over connections, which over time has a bend at each of them. */
function drawQuietPoints(
  panel: Panel,
  samples: readonly SoakSample[],
  points: readonly QuietPoint[],
  { slope, intercept }: FittedLine,
  x: Scale,
  top: number,
): string {
  const y = scaleOf(panel, samples, top);
  const circles = points.map(
    ({ atMs, residentBytes, isWarmUp }) =>
      `<circle cx="${x(atMs / 60_000).toFixed(1)}" cy="${y(residentBytes / mebibyte).toFixed(1)}" r="3.5" stroke="${fitted.color}" fill="${isWarmUp ? 'white' : fitted.color}"/>`,
  );
  const path = linePath<QuietPoint>(
    ({ atMs }) => x(atMs / 60_000),
    ({ connectionCount }) => y((intercept + slope * connectionCount) / mebibyte),
  ).digits(1)(points.filter(({ isWarmUp }) => !isWarmUp));
  return [
    `<path d="${path ?? ''}" fill="none" stroke="${fitted.color}" stroke-dasharray="5 3"/>`,
    ...circles,
    text(
      width - right,
      top - 8,
      `● quiet point  ○ in the warm-up  ┄ ${fitted.name}`,
      `text-anchor="end" fill="${fitted.color}"`,
    ),
  ].join('\n');
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped}</text>`;
}
