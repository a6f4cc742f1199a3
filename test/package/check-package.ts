// What npm would publish works where it is installed: the library's parts, their types, the command, and on an older
// Node one clear line. Run by `npm run check:package`; prints TAP.
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import t from 'tap';
import { type RunResult, runProgram } from '../fixtures/run-program.ts';
import { exampleProgram, libraryProgram, typedProgram } from './consumer-programs.ts';

const root = resolve(import.meta.dirname, '../..');
const installDeadlineMs = 120_000;
t.setTimeout(6 * installDeadlineMs);
const work = await mkdtemp(join(tmpdir(), 'reprise-package-'));
t.teardown(() => rm(work, { recursive: true, force: true }));
const project = join(work, 'project');
await mkdir(project);
await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }');

const systemDirectories = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((directory) => !directory.includes('node_modules'));
// The Node that runs this, before all others.
const bin = join(work, 'bin');
await mkdir(bin);
await symlink(process.execPath, join(bin, 'node'));
const newPath = [bin, ...systemDirectories].join(delimiter);
const extraAuthorities = process.env['NODE_EXTRA_CA_CERTS'];
const oldPath = systemDirectories.join(delimiter);

/** Runs a program in the project that has installed the package. */
function run(
  name: string,
  argv: readonly string[],
  { path = newPath, cwd = project }: { path?: string; cwd?: string } = {},
): Promise<RunResult> {
  // By way of env, which looks the program up on the PATH that the program gets.
  return runProgram('/usr/bin/env', [name, ...argv], {
    cwd,
    environment: {
      PATH: path,
      npm_config_update_notifier: 'false',
      npm_config_loglevel: 'error',
      // Where the registry is behind a proxy with an authority of its own.
      ...(extraAuthorities !== undefined && { NODE_EXTRA_CA_CERTS: extraAuthorities }),
    },
    deadlineMs: installDeadlineMs,
  });
}

// Before the first test: between them nothing may wait.
const oldVersion = (await run('node', ['--version'], { path: oldPath })).stdout.toString().trim();
const isOld = Number(/^v(\d+)/.exec(oldVersion)?.[1] ?? Infinity) < 26;
const skip = isOld ? false : 'there is no Node older than 26 on the PATH';

let tarball = '';

await t.test('npm pack makes JavaScript, types and the pages for users', async (t) => {
  const packed = await run('npm', ['pack', '--json', '--pack-destination', work], { cwd: root });
  t.equal(packed.code, 0, packed.code === 0 ? 'packs' : packed.stderr);
  const { filename, paths } = await contentsOf(packed);
  tarball = join(work, filename);
  for (const entry of ['server/index', 'server/testing', 'tls/index']) {
    t.ok(paths.includes(`dist/${entry}.js`), `${entry}.js`);
    t.ok(paths.includes(`dist/${entry}.d.ts`), `${entry}.d.ts`);
  }
  for (const path of ['README.md', 'LICENSE', 'tls/README.md', 'dist/server/launch.js']) {
    t.ok(paths.includes(path), path);
  }
  const others = paths.filter(
    (path) => !/^dist\/(protocol|server|store|tls)\/.*\.(js|d\.ts)$/.test(path),
  );
  t.same(others.toSorted(), [
    'LICENSE',
    'README.md',
    'TRANSCRIPTS.md',
    'package.json',
    'tls/README.md',
  ]);
});

await t.test('npm install', { timeout: installDeadlineMs }, async (t) => {
  const installed = await run('npm', ['install', '--no-audit', '--no-fund', tarball]);
  t.equal(installed.code, 0, installed.code === 0 ? 'installs' : installed.stderr);
});

await t.test('reprise/tls and reprise/testing', async (t) => {
  await writeFile(join(project, 'library.js'), libraryProgram);
  const result = await run('node', ['library.js']);
  t.equal(result.code, 0, result.stderr);
  t.same(JSON.parse(result.stdout.toString()), {
    greeting: '* OK',
    isResumed: [false, true],
    hasCreateServer: true,
  });
});

await t.test('an example, as the package has it', async (t) => {
  await writeFile(join(project, 'example.js'), exampleProgram);
  const result = await run('node', ['example.js']);
  t.equal(result.code, 0, result.stderr);
  t.match(JSON.parse(result.stdout.toString()), { protocol: 'TLSv1.3', mode: 'stateful' });
});

await t.test('types', async (t) => {
  await writeFile(join(project, 'types.ts'), typedProgram);
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2024'];
  const modules = ['--module', 'nodenext', '--types', 'node'];
  const typeRoots = ['--typeRoots', join(root, 'node_modules/@types')];
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const result = await run('node', [compiler, ...options, ...modules, ...typeRoots, 'types.ts']);
  t.equal(result.stdout.toString(), '');
  t.equal(result.code, 0);
});

await t.test('npx reprise', async (t) => {
  const help = await run('npx', ['--no-install', 'reprise', '--help']);
  t.equal(help.code, 0, help.stderr);
  t.match(help.stdout.toString(), /^Usage: reprise /);
  const version = await run('npx', ['--no-install', 'reprise', '--version']);
  const { version: wanted } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  t.match(version.stdout.toString().trim(), wanted);
});

await t.test('npx reprise, on an older Node', { skip }, async (t) => {
  const result = await run('npx', ['--no-install', 'reprise', '--help'], { path: oldPath });
  t.equal(result.code, 1);
  t.equal(result.stdout.length, 0);
  const [line, ...more] = result.stderr.trimEnd().split('\n');
  t.match(line, `Reprise needs Node 26 or newer, this is ${oldVersion}`);
  t.same(more, [], 'one line');
});

await t.test('npm install from git', { timeout: 2 * installDeadlineMs }, async (t) => {
  const gitProject = join(work, 'git-project');
  await mkdir(gitProject);
  await writeFile(join(gitProject, 'package.json'), '{ "private": true, "type": "module" }');
  const argv = ['install', '--no-audit', '--no-fund', `git+file://${root}`];
  const installed = await run('npm', argv, { cwd: gitProject });
  t.equal(installed.code, 0, installed.code === 0 ? 'installs' : installed.stderr);
  const help = await run('npx', ['--no-install', 'reprise', '--help'], { cwd: gitProject });
  t.match(help.stdout.toString(), /^Usage: reprise /, 'was compiled on the way');
});

async function contentsOf(
  packed: RunResult,
): Promise<{ readonly filename: string; readonly paths: readonly string[] }> {
  // Scripts that npm runs before it packs print theirs first.
  const output = packed.stdout.toString();
  const [entry] = JSON.parse(output.slice(output.search(/^\[/m))) as {
    filename: string;
    files: { path: string }[];
  }[];
  return { filename: entry!.filename, paths: entry!.files.map(({ path }) => path) };
}
