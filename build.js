// Compiles the server to dist: what `npm start` runs, and what is packed. npm runs it at `npm ci`, at `npm pack`
// and when the package is installed from git (the script "prepare"). Plain JavaScript, for any Node.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

process.chdir(import.meta.dirname);
const compiler = findCompiler();
if (compiler === undefined) {
  // `npm ci --omit=dev` is to install the rest, for a dist that was compiled elsewhere.
  const state = existsSync('dist')
    ? 'dist stays as it is'
    : 'there is no dist for "npm start" to run';
  console.error(
    `Reprise is not compiled, since TypeScript is not installed (--omit=dev): ${state}.`,
  );
} else {
  rmSync('dist', { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
}

function findCompiler() {
  try {
    return join(
      dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
      'bin/tsc',
    );
  } catch {
    return undefined;
  }
}
