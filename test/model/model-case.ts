import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Step } from './random-commands.ts';
import type { Rule } from './rules.ts';
import type { ModelServer, RoundFailure, RoundShape } from './run-model.ts';

/** Steps that once failed, as a file of test/model/cases keeps them. */
export interface ModelCase {
  /** What went wrong. */
  readonly about: string;
  readonly rule: Rule;
  /** `REPRISE_WORKERS` with which it was seen. */
  readonly workers: number;
  /** How often to run it: 1 if it failed every time. */
  readonly tries: number;
  readonly shape: RoundShape;
  readonly steps: readonly Step[];
}

/** The cases of test/model/cases, by the names of their files. */
export async function readCases(): Promise<readonly { name: string; kept: ModelCase }[]> {
  const directory = join(import.meta.dirname, 'cases');
  const names = (await readdir(directory)).filter((name) => name.endsWith('.json'));
  return Promise.all(
    names.toSorted().map(async (name) => ({ name, kept: await readCase(join(directory, name)) })),
  );
}

/** Reads a case from its file. */
export async function readCase(path: string): Promise<ModelCase> {
  return JSON.parse(await readFile(path, 'utf8')) as ModelCase;
}

/** Runs a case; the first failure, whatever the rule, or undefined if it passes. */
export async function runCase(
  server: ModelServer,
  { shape, steps, tries }: ModelCase,
  isIgnored: (rule: Rule) => boolean = () => false,
): Promise<RoundFailure | undefined> {
  for (let count = 0; count < tries; count++) {
    const { failure } = await server.run(shape, steps, isIgnored);
    if (failure !== undefined) return failure;
  }
  return undefined;
}
