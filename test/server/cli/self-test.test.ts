import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import type { SelfTestReport } from '../../../server/self-test/report.ts';
import type { BrokenPart } from '../../fixtures/broken-resumption.ts';
import { startServerProcess } from '../../fixtures/server-process.ts';
import { TestAuthority } from '../../fixtures/test-authority.ts';
import { reprise } from './reprise.ts';

const broken = pathToFileURL(
  resolve(import.meta.dirname, '../../fixtures/broken-resumption.ts'),
).href;

/**
 * Preloaded, it makes the memory round as small as it gets, and what is measured exact: the bytes of the cache's buffers, not
 * what the system says of a process on a busy machine.
 */
const exactMemory = (isLeaking: boolean) => `
  let bytes = 0;
  globalThis.ArrayBuffer = class extends ArrayBuffer {
    constructor(length, options) {
      super(length, options);
      if (options !== undefined) bytes += length;
    }
    resize(length) {
      if (${isLeaking}) return;
      bytes += length - this.byteLength;
      super.resize(length);
    }
  };
  process.availableMemory = () => 1;
  process.memoryUsage.rss = () => bytes;
`;

/** For one run, on a machine that is busy with other things. */
const deadlineMs = 200_000;

interface Run {
  readonly environment?: Readonly<Record<string, string>>;
  readonly broken?: readonly BrokenPart[];
  /** Whether the session cache gives no memory back. */
  readonly isLeaking?: boolean;
  readonly argv?: readonly string[];
}

/** Runs it in a temporary directory of its own, where it is to leave nothing. */
async function selfTest(t: Test, run: Run = {}) {
  const { environment = {}, broken: parts, isLeaking = false, argv } = run;
  // In a deep directory the path of its control socket would be too long.
  const directory = mkdtempSync(join(tmpdir(), 'reprise-test-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const preloads = [
    `data:text/javascript,${encodeURIComponent(exactMemory(isLeaking))}`,
    ...(parts === undefined ? [] : [broken]),
  ];
  const variables = {
    TMPDIR: directory,
    REPRISE_WORKERS: '0',
    NODE_OPTIONS: preloads.map((url) => `--import=${url}`).join(' '),
    ...(parts !== undefined && { BROKEN_RESUMPTION: parts.join() }),
    ...environment,
  };
  const result = await reprise(['self-test', ...(argv ?? ['--json'])], variables, { deadlineMs });
  const left = readdirSync(directory).filter((name) => name.startsWith('reprise-'));
  t.strictSame(left, [], 'it cleans up');
  const report = argv === undefined ? (JSON.parse(result.stdout) as SelfTestReport) : undefined;
  return { ...result, report };
}

/** The kinds and ports that passed or did not, in short. */
function linesOf(results: SelfTestReport['resumption'], isPassed: boolean): readonly string[] {
  return results
    .filter((result) => result.isPassed === isPassed)
    .map(({ kind, port }) => `${kind} ${port}`);
}

const bothPorts = (...kinds: readonly string[]) =>
  kinds.flatMap((kind) => [`${kind} imaps`, `${kind} starttls`]);

await t.test('all is well here, beside a server of the same configuration', async (t) => {
  const server = await startServerProcess({ environment: { REPRISE_WORKERS: '1' } });
  t.teardown(() => server.stop());
  const { code, stderr, report } = await selfTest(t, {
    environment: { REPRISE_DATA: server.dataDirectory, REPRISE_WORKERS: '1' },
  });
  t.match({ code, stderr }, { code: 0, stderr: '' });
  t.match(report, { isPassed: true, node: process.versions.node, policy: 'intermediate' });
  t.strictSame(
    linesOf(report!.resumption, true),
    bothPorts('tls12-stateful', 'tls13-stateful', 'tls13-hybrid', 'tls12-ticket', 'tls13-ticket'),
  );
  t.match(report!.rotation, [
    { kind: 'tls12-ticket', isPassed: true },
    { kind: 'tls13-ticket', isPassed: true },
  ]);
  for (const { keys } of report!.rotation) t.ok(keys >= 2);
  const [own, ...others] = report!.memory;
  t.equal(own?.allocator, report!.allocator);
  t.ok(own!.sessions > 50_000);
  t.ok(own!.fullBytes > own!.beforeBytes + 2 ** 23);
  t.equal(own!.afterBytes, own!.beforeBytes);
  t.ok(others.every(({ allocator }) => allocator !== own!.allocator));
});

await t.test('a person reads what it does, with all that can be asked of a server', async (t) => {
  const authority = await TestAuthority.create('Clients');
  const directory = t.testdir();
  const [caPath, secretPath] = [join(directory, 'ca.pem'), join(directory, 'secret')];
  writeFileSync(caPath, authority.cert);
  writeFileSync(secretPath, randomBytes(32));
  const { code, stdout } = await selfTest(t, {
    argv: [],
    environment: {
      REPRISE_TLS_CLIENT_AUTH: 'required',
      REPRISE_TLS_CLIENT_CA: caPath,
      // Nobody is there.
      REPRISE_SESSION_CACHE: 'redis://127.0.0.1:1',
      REPRISE_SESSION_SECRET: secretPath,
    },
  });
  t.equal(code, 0);
  const [head, settings, ...results] = stdout.trimEnd().split('\n');
  t.match(head, /^Reprise \S+, Node \S+, OpenSSL \S+, allocator \w+$/);
  t.match(settings, /^Resumption: policy intermediate, session cache redis; 0 workers, /);
  t.match(settings, 'memory stands in for the redis cache');
  t.strictSame(results.slice(0, 4), [
    '  ok     TLS 1.2 from the session cache, TLS: 5 of 5 reconnections resumed',
    '  ok     TLS 1.2 from the session cache, STARTTLS: 5 of 5 reconnections resumed',
    '  ok     TLS 1.3 from the session cache, TLS: 5 of 5 reconnections resumed',
    '  ok     TLS 1.3 from the session cache, STARTTLS: 5 of 5 reconnections resumed',
  ]);
  t.match(results[4], /^Memory: /);
  t.match(results.at(-1), /^All is well; it took [\d.]+ s$/);
});

await t.test('what is excluded is not tried; memory that does not come back fails', async (t) => {
  const { code, report } = await selfTest(t, {
    environment: {
      REPRISE_SESSION_CACHE: 'tickets',
      REPRISE_TLS_POLICY: 'modern',
      REPRISE_TICKET_KEYS: 'per_key',
    },
    // It would end the process.
    broken: ['ticket-hook-aborts'],
    isLeaking: true,
  });
  t.equal(code, 1);
  t.strictSame(linesOf(report!.resumption, true), bothPorts('tls13-ticket'));
  t.strictSame(linesOf(report!.resumption, false), []);
  t.match(report!.rotation, [{ kind: 'tls13-ticket', isPassed: true }]);
  t.ok(report!.memory.length > 0);
  t.ok(report!.memory.every(({ isPassed }) => !isPassed));
});

await t.test('with a Node that does not resume it fails, and says what', async (t) => {
  const { code, report } = await selfTest(t, { broken: ['tls13-stateful', 'tickets'] });
  t.equal(code, 1);
  t.equal(report!.isPassed, false);
  t.strictSame(linesOf(report!.resumption, true), bothPorts('tls12-stateful'));
  t.ok(report!.rotation.length > 0);
  t.ok(report!.rotation.every(({ isPassed }) => !isPassed));
});

await t.test('resumption by what stands in for it is not taken for it', async (t) => {
  const { code, report } = await selfTest(t, { broken: ['tls13-stateful'] });
  t.equal(code, 1);
  t.strictSame(linesOf(report!.resumption, false), bothPorts('tls13-stateful'));
  const [failed] = report!.resumption.filter(({ isPassed }) => !isPassed);
  t.match(failed, { resumed: 5, resumedAsMeant: 0 }, 'by ticket instead');
});
