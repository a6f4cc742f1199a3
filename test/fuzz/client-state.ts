import {
  documentedCapabilities,
  findEnabledExtension,
  switchableCapabilities,
  type Capability,
  type EnabledExtension,
} from '../../protocol/capability.ts';
import type { SeededRandom } from '../fixtures/seeded-random.ts';

const extensions = documentedCapabilities.flatMap(({ name }) => findEnabledExtension(name) ?? []);

/** On what grammars depend beside the bytes: what is turned off for a client, and what it has turned on. */
export interface ClientState {
  readonly off: ReadonlySet<Capability>;
  readonly enabled: ReadonlySet<EnabledExtension>;
}

/** Mostly nothing is off or on, sometimes this or that, sometimes all. */
export function chooseClientState(random: SeededRandom): ClientState {
  return {
    off: new Set(someOf(switchableCapabilities, random)),
    enabled: new Set(someOf(extensions, random)),
  };
}

function someOf<T>(values: readonly T[], random: SeededRandom): T[] {
  const share = random.pick([0, 0, 0, 0.1, 0.5, 1]);
  return values.filter(() => random.chance(share));
}
