import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { childEnvironment } from '../../fixtures/child-environment.ts';

const script = resolve(import.meta.dirname, '../../../server/launch.js');
const deadlineMs = 60_000;

/** A process of the command line whose output can be awaited. */
export interface StartedProcess {
  readonly child: ChildProcess;
  /** Lines of standard error so far. */
  readonly errors: readonly string[];
  /** Lines of standard output so far. */
  readonly output: readonly string[];
  /** After all output has been read; null where a signal ended it. */
  readonly exitCode: Promise<number | null>;
  /** The first line of the log with this message. */
  logged(message: string): Promise<Record<string, unknown>>;
  /** The first group of the first line of standard output that matches. */
  printed(pattern: RegExp): Promise<string>;
}

/**
 * Starts `server/launch.js`; nothing but {@link childEnvironment} and the given environment is passed on. The port for metrics is
 * off unless the environment says otherwise.
 */
export function startProcess(
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
  options: { uid?: number; gid?: number; cwd?: string; nodeOptions?: readonly string[] } = {},
): StartedProcess {
  const { nodeOptions = [], ...others } = options;
  const child = spawn(process.execPath, [...nodeOptions, script, ...argv], {
    ...others,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...childEnvironment, REPRISE_ADMIN_PORT: '-1', ...environment },
  });
  const lines = new EventEmitter();
  const errors: string[] = [];
  const output: string[] = [];
  const keep = (stream: NodeJS.ReadableStream, kept: string[]) =>
    createInterface({ input: stream }).on('line', (line) => {
      kept.push(line);
      lines.emit('line');
    });
  keep(child.stderr, errors);
  keep(child.stdout, output);
  const exitCode = new Promise<number | null>((resolve) => child.once('close', resolve));
  void exitCode.then(() => lines.emit('line'));
  const found = <T>(find: () => T | undefined) =>
    new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        reject(new Error(`Nothing came in time: ${[...output, ...errors].join('\n')}`));
      }, deadlineMs);
      const look = () => {
        const value = find();
        if (value === undefined) return;
        lines.off('line', look);
        clearTimeout(timer);
        resolve(value);
      };
      lines.on('line', look);
      look();
    });
  return {
    child,
    errors,
    output,
    exitCode,
    logged: (message) =>
      found(() =>
        errors
          .filter((line) => line.startsWith('{'))
          .map((line) => JSON.parse(line) as Record<string, unknown>)
          .find((entry) => entry['msg'] === message),
      ),
    printed: (pattern) =>
      found(() => output.map((line) => pattern.exec(line)?.[1]).find((text) => text !== undefined)),
  };
}
