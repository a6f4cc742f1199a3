// Which thread loads what, exactly: a package that one import too many brings into every thread costs each server
// some MiB, and nothing else tells.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startServerProcess } from '../../fixtures/server-process.ts';

/** Preloaded into every thread: notes each module that the thread asks for. */
const recorder = (path: string) => `
  import { appendFileSync } from 'node:fs';
  import { registerHooks } from 'node:module';
  import { isMainThread, threadName } from 'node:worker_threads';
  const thread = isMainThread ? 'main' : threadName;
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      appendFileSync(${JSON.stringify(path)}, [thread, found.url, context.parentURL].join(' ') + '\\n');
      return found;
    },
  });
`;

/** Builtin modules that take more than a moment and some KiB to load. */
const heavyBuiltins = new Set(['node:http', 'node:https', 'node:http2', 'node:inspector']);

/** What a module belongs to: a package, a folder of ours, or a heavy builtin. Undefined for the other builtins. */
function ownerOf(url: string): string | undefined {
  const [, packageName] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? [];
  if (packageName !== undefined) return packageName;
  const [, folder] =
    /\/((?:protocol|store|tls|server)(?:\/[\w-]+)*)\/[\w-]+\.[jt]s$/.exec(url) ?? [];
  return folder ?? (heavyBuiltins.has(url) ? url : undefined);
}

/** Starts a server; what its threads have loaded, by the name of the thread. */
async function startRecorded(t: Test, environment: Readonly<Record<string, string>>) {
  const directory = t.testdir();
  const path = join(directory, 'modules.txt');
  const url = `data:text/javascript,${encodeURIComponent(recorder(path))}`;
  const server = await startServerProcess({
    environment: { ...environment, NODE_OPTIONS: `--import=${url}` },
  });
  t.teardown(() => server.stop());
  const loaded = () => {
    const owners: Record<string, Set<string>> = {};
    // tap loads some of its own into every process that a test starts.
    const ofTap = new Set<string>();
    for (const line of readFileSync(path, 'utf8').trimEnd().split('\n')) {
      const [thread = '', url = '', parent = ''] = line.split(' ');
      if (url.includes('/@tapjs/') || ofTap.has(parent)) ofTap.add(url);
      const owner = ofTap.has(url) ? undefined : ownerOf(url);
      if (owner !== undefined) (owners[thread] ??= new Set()).add(owner);
    }
    return Object.fromEntries(
      Object.entries(owners).map(([thread, names]) => [thread, [...names].toSorted()]),
    );
  };
  return { server, loaded };
}

/** The logger, and what it consists of. */
const logger = [
  '@pinojs/redact',
  'atomic-sleep',
  'on-exit-leak-free',
  'pino',
  'pino-std-serializers',
  'quick-format-unescaped',
  'safe-stable-stringify',
  'sonic-boom',
  'thread-stream',
];

const shared = [
  ...logger,
  'protocol',
  'protocol/mime',
  'protocol/mime/charsets',
  'server',
  'server/authentication',
  'server/metrics',
  'server/net',
  'server/threads',
  'store',
  'store/sqlite',
  'store/sqlite/bodies',
  'store/sqlite/schema',
  'store/sqlite/states',
  'store/sqlite/writer',
  'tls',
  'tls/admission',
  'tls/certificates',
  'tls/hello',
  'tls/proof',
  'tls/sessions',
  'tls/sessions/memory',
  'tls/sessions/redis',
  'tls/sessions/threads',
  'tls/tickets',
];

const mainThread = [
  ...shared,
  'commander',
  'server/admin',
  'server/cli',
  'server/config',
  'server/control',
].toSorted();

const worker = [
  ...shared,
  'protocol/grammar',
  'server/imap',
  'server/imap/commands',
  'server/imap/contexts',
  'server/imap/notify',
  'server/imap/sorting',
  'server/net/compression',
].toSorted();

await t.test('before the first client', async (t) => {
  const { server, loaded } = await startRecorded(t, {
    REPRISE_WORKERS: '2',
    REPRISE_ADMIN_PORT: '0',
  });
  const { main, WorkerThread: writer, ...others } = loaded();
  t.strictSame(main, mainThread);
  t.strictSame(others['reprise-worker-1'], worker);
  t.strictSame(others['reprise-worker-2'], worker);
  t.strictSame(writer, [
    'protocol',
    'store',
    'store/sqlite',
    'store/sqlite/bodies',
    'store/sqlite/states',
    'store/sqlite/writer',
  ]);
  t.ok(
    others['reprise-call']?.includes('zod'),
    'the configuration is checked in a thread that ends',
  );
  t.ok(others['reprise-call']?.includes('@peculiar/x509'), 'and the certificate made');

  await fetch(`http://127.0.0.1:${server.adminPort}/metrics`);
  t.strictSame(loaded()['main'], [...mainThread, 'node:http'].toSorted(), 'after the first scrape');
});

await t.test('without workers the main thread serves, and needs no more than both', async (t) => {
  const { loaded } = await startRecorded(t, { REPRISE_WORKERS: '0' });
  t.strictSame(loaded()['main'], [...new Set([...mainThread, ...worker])].toSorted());
});
