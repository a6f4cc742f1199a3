import { DecoderTarget } from './decoder-target.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { GrammarsTarget } from './grammars-target.ts';
import { InflateTarget } from './inflate-target.ts';
import { ReaderTarget } from './reader-target.ts';
import { readTraffic } from './traffic.ts';

/** Mutations of each target in the tests: some seconds. */
export const testedCounts: Readonly<Record<string, number>> = {
  reader: 4_000,
  decoder: 40_000,
  grammars: 150_000,
  inflate: 8_000,
};

/** All that is fuzzed. */
export function makeTargets(): readonly FuzzTarget[] {
  const sessions = readTraffic();
  return [
    new ReaderTarget(sessions),
    new DecoderTarget(sessions),
    new GrammarsTarget(sessions),
    new InflateTarget(sessions),
  ];
}
