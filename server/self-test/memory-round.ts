import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { allocatorEnvironments } from './allocators.ts';
import type { MemoryResult } from './report.ts';

const mebibyte = 1024 * 1024;

/** Sessions in a round take a part of the free memory, in bytes at least and at most: fewer show nothing, more take long. */
const memoryShare = 1 / 4;
const minBytes = 16 * mebibyte;
const maxBytes = 64 * mebibyte;

/**
 * Lets sessions arrive and expire in a process of its own: with the allocator that this process has, and with another if
 * there is one.
 *
 * @param onResult - called with each result, as soon as it is there
 */
export async function tryMemory(onResult: (result: MemoryResult) => void): Promise<void> {
  const freeBytes = process.availableMemory();
  const bytes = Math.min(maxBytes, Math.max(minBytes, freeBytes * memoryShare));
  for (const environment of allocatorEnvironments()) {
    onResult(await run(Math.floor(bytes), environment));
  }
}

async function run(bytes: number, environment: NodeJS.ProcessEnv): Promise<MemoryResult> {
  const program = new URL(
    `./memory-process.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`,
    import.meta.url,
  );
  const child = spawn(process.execPath, [fileURLToPath(program), String(bytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: environment,
  });
  const end = () => child.kill('SIGKILL');
  // Also if the operator ends the test.
  process.on('exit', end);
  try {
    const [output, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    if (code === 0) return JSON.parse(output) as MemoryResult;
    throw new Error(`The process that measures memory has ended with ${code ?? signal}`);
  } finally {
    process.off('exit', end);
  }
}
