import { resolve } from 'node:path';
import { type RunOptions, type RunResult, runProgram } from '../../fixtures/run-program.ts';

const root = resolve(import.meta.dirname, '../../..');

export interface CommandResult extends Omit<RunResult, 'stdout'> {
  readonly stdout: string;
  /** The lines of standard error. */
  readonly errors: readonly string[];
}

/** Runs a command of the command line in a process of its own. */
export async function reprise(
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
  options: Omit<RunOptions, 'environment'> = {},
): Promise<CommandResult> {
  const script = resolve(root, 'server/main.ts');
  const result = await runProgram(process.execPath, [script, ...argv], { ...options, environment });
  return {
    ...result,
    stdout: result.stdout.toString(),
    errors: result.stderr.split('\n').filter(Boolean),
  };
}
