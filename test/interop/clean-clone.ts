// From a clean clone, with nothing but Node and npm on the PATH, the README's commands work. Run by
// `npm run check:clean-clone`; prints TAP.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, join, resolve } from 'node:path';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { ImapClient } from '../fixtures/imap-client.ts';
import { runProgram } from '../fixtures/run-program.ts';

const root = resolve(import.meta.dirname, '../..');
const installDeadlineMs = 300_000;
t.setTimeout(2 * installDeadlineMs);
const work = await mkdtemp(join(tmpdir(), 'reprise-clone-'));
t.teardown(() => rm(work, { recursive: true, force: true }));
const clone = join(work, 'clone');
const environment = {
  PATH: await narrowPath(),
  HOME: process.env['HOME'] ?? work,
  npm_config_update_notifier: 'false',
};

await t.test('git clone', async (t) => {
  const cloned = await runProgram('git', ['clone', '--quiet', root, clone]);
  t.equal(cloned.code, 0, cloned.stderr);
});

await t.test('the README names the two commands', async (t) => {
  t.match(await readFile(join(clone, 'README.md'), 'utf8'), /^ {4}npm ci\n {4}npm start$/m);
});

await t.test('npm ci', { timeout: installDeadlineMs }, async (t) => {
  const installed = await runProgram(join(work, 'bin/npm'), ['ci', '--no-audit', '--no-fund'], {
    cwd: clone,
    environment,
    deadlineMs: installDeadlineMs,
  });
  t.equal(installed.code, 0, installed.code === 0 ? 'installs' : installed.stderr);
});

await t.test('npm start, with ports of its own', async (t) => {
  await startAndUse(t, { REPRISE_IMAP_PORT: '0', REPRISE_IMAPS_PORT: '0' });
});

const areFree = (await isFree(143)) && (await isFree(993));
const skip = areFree ? false : 'ports 143 and 993 are taken, or not for this user';
await t.test('npm start, as it stands', { skip }, async (t) => {
  await rm(join(clone, 'data'), { recursive: true, force: true });
  const ports = await startAndUse(t, {});
  t.same(ports, { imapPort: 143, imapsPort: 993 });
});

await t.test('npm ci --omit=dev', { timeout: installDeadlineMs }, async (t) => {
  const argv = ['ci', '--omit=dev', '--no-audit', '--no-fund'];
  const installed = await runProgram(join(work, 'bin/npm'), argv, {
    cwd: clone,
    environment,
    deadlineMs: installDeadlineMs,
  });
  t.equal(installed.code, 0, installed.code === 0 ? 'installs' : installed.stderr);
  const said = `${installed.stdout.toString()}${installed.stderr}`;
  t.match(said, /^Reprise is not compiled, .*: dist stays as it is\.$/m);
  await access(join(clone, 'dist/server/launch.js'));
});

/** Starts the server, reads the demo account's mail with what it prints, and stops it. */
async function startAndUse(
  t: Test,
  configuration: Readonly<Record<string, string>>,
): Promise<Ports> {
  const child = spawn(join(work, 'bin/npm'), ['start'], {
    cwd: clone,
    env: { ...environment, ...configuration },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  try {
    const { password, ...ports } = await printed(child);
    const client = await ImapClient.connect({ port: ports.imapsPort, security: 'tls' });
    await client.login('demo', password);
    const selected = await client.ok('SELECT INBOX');
    const exists = selected.untagged.find(({ text }) => text.endsWith(' EXISTS'));
    t.match(exists?.text, /^\* [1-9]\d* EXISTS/, 'there is mail to read');
    await client.logout();
    const plain = await ImapClient.connect({ port: ports.imapPort, security: 'starttls' });
    await plain.ok('NOOP');
    await plain.drop();
    return ports;
  } finally {
    await stopGroup(child);
  }
}

interface Ports {
  readonly imapPort: number;
  readonly imapsPort: number;
}

/** What a person reads: the ports and the password of the demo account. */
function printed(child: ChildProcess): Promise<Ports & { readonly password: string }> {
  const lines: string[] = [];
  return new Promise((resolvePrinted, reject) => {
    child.once('exit', (code) => reject(new Error(`exit ${code}: ${lines.join('\n')}`)));
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line);
        const text = lines.join('\n');
        const listening = /"imapPort":(\d+),"imapsPort":(\d+)/.exec(text);
        const password = /^ +password +(\S+)$/m.exec(text)?.[1];
        if (listening === null || password === undefined) return;
        resolvePrinted({
          imapPort: Number(listening[1]),
          imapsPort: Number(listening[2]),
          password,
        });
      });
    }
  });
}

/** npm passes SIGTERM on to the server; both end. */
async function stopGroup(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  process.kill(-child.pid, 'SIGTERM');
  const deadline = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), 15_000);
  await exited;
  clearTimeout(deadline);
}

/** A directory with node, npm and what npm itself needs of a POSIX system; the PATH of the whole test. */
async function narrowPath(): Promise<string> {
  const bin = join(work, 'bin');
  await mkdir(bin);
  const directories = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((directory) => !directory.includes('node_modules'));
  for (const name of ['node', 'npm', 'sh', 'env']) {
    const path = await firstExisting(directories.map((directory) => join(directory, name)));
    await symlink(path, join(bin, name));
  }
  return bin;
}

async function firstExisting(paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    try {
      await access(path);
      return path;
    } catch {
      // The next one.
    }
  }
  throw new Error(`None of these exists: ${paths.join(' ')}`);
}

/** True where nobody listens on the port and this user may. */
async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const result = await new Promise<boolean>((resolveFree) => {
    probe.once('error', () => resolveFree(false));
    probe.listen(port, () => resolveFree(true));
  });
  probe.close();
  return result;
}
