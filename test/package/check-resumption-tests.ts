// Whether tests of resumption notice when nothing resumes: each runs with a Node that opens no session and no ticket, in the
// test and in the servers that it starts, and each of its tests must fail. Run by `npm run check:resumption`: minutes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

/** Test files, and which of their tests pass also without resumption. */
const files: readonly (readonly [path: string, passes?: RegExp])[] = [
  ['test/security/tls-ports.test.ts'],
  ['test/tls/alpn.test.ts', /^without the option/],
  ['test/interop/resumption.test.ts'],
  ['test/interop/resumption-changes.test.ts'],
  ['test/interop/resumption-clients.test.ts', /^off, the control/],
  // wolfSSL makes full handshakes where tickets are not renewed.
  ['test/interop/wolfssl.test.ts', /off$|not renewed, tickets$/],
];

const root = resolve(import.meta.dirname, '../..');
const breaker = pathToFileURL(resolve(root, 'test/fixtures/broken-resumption.ts')).href;

/** The names of the tests of a file that pass, out of how many; skipped ones do not count. */
async function passing(path: string): Promise<{ names: readonly string[]; count: number }> {
  const child = spawn(process.execPath, [`--import=${breaker}`, path], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      BROKEN_RESUMPTION: 'tls12-stateful,tls13-stateful,tickets',
      // A test that has no time fails for no good reason.
      TAP_TIMEOUT: '600',
    },
  });
  const [output] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  const results = [...output.matchAll(/^(not )?ok \d+ - (.*?)(?: # (time|SKIP).*)?$/gm)]
    .filter(([, , , directive]) => directive !== 'SKIP')
    .map(([, not, name = '']) => ({ name, isPassed: not === undefined }));
  const names = results.filter(({ isPassed }) => isPassed).map(({ name }) => name);
  return { names, count: results.length };
}

let isSound = true;
for (const [path, passes] of files) {
  const { names, count } = await passing(path);
  const wrong = names.filter((name) => passes?.test(name) !== true);
  const isFileSound = count > names.length && wrong.length === 0;
  console.log(
    `${isFileSound ? 'ok' : 'NOT OK'}: ${count - names.length} of ${count} fail, ${path}`,
  );
  for (const name of wrong) console.log(`  passes without resumption: ${name}`);
  isSound &&= isFileSound;
}
process.exitCode = isSound ? 0 : 1;
