import { CommandError, Decoder } from '../../protocol/decoder.ts';
import { switchableCapabilities } from '../../protocol/capability.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';
import { chooseClientState } from './client-state.ts';
import { checkWeight, type FuzzTarget } from './fuzz-target.ts';
import { Mutator } from './mutator.ts';

/** Calls of one input. */
const maxCalls = 60;

/** Every method of the decoder, new ones too. */
const methods = Object.entries(Object.getOwnPropertyDescriptors(Decoder.prototype)).flatMap(
  ([name, { value }]) =>
    name !== 'constructor' && typeof value === 'function' ? [name as DecoderMethod] : [],
);

type DecoderMethod = {
  [Name in keyof Decoder]: Decoder[Name] extends (...values: never[]) => unknown ? Name : never;
}[keyof Decoder];

/** Whatever a grammar calls in whatever order, the decoder goes forward or throws a CommandError. */
export class DecoderTarget implements FuzzTarget {
  readonly name = 'decoder';
  readonly #sessions: readonly (readonly string[])[];
  readonly #newDecoder: (...values: ConstructorParameters<typeof Decoder>) => Decoder;

  /** @param DecoderClass - absent: the server's own */
  constructor(sessions: readonly (readonly string[])[], DecoderClass = Decoder) {
    this.#sessions = sessions;
    this.#newDecoder = (...values) => new DecoderClass(...values);
  }

  makeInput(random: SeededRandom): Buffer {
    const mutator = new Mutator(this.#sessions, ['NIL'], random);
    const text = mutator.command();
    // From somewhere within, so that each rule meets each token.
    return Buffer.from(text.slice(random.below(Math.min(text.length, 60) + 1)), 'latin1');
  }

  check(input: Buffer, seed: number): string | undefined {
    const random = new SeededRandom(seed);
    const { off, enabled } = chooseClientState(random);
    const decoder = this.#newDecoder(input, off, enabled);
    for (let count = 0; count < maxCalls && !decoder.isAtEnd(); count++) {
      const name = random.pick(methods);
      const before = decoder.position;
      let value: unknown;
      try {
        const method = decoder[name] as (...values: unknown[]) => unknown;
        value = method.apply(decoder, argumentsFor(name, decoder, random));
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        value = error.message;
        // The rule did not match: what is left is read by another.
        if (decoder.position === before) decoder.accept(' ');
      }
      const { position } = decoder;
      if (position < before || position > input.length) {
        return `${name} went from ${before} to ${position} of ${input.length} bytes`;
      }
      const weight = checkWeight(value, input.length);
      if (weight !== undefined) return `${name}: ${weight}`;
    }
    return undefined;
  }
}

/** What a grammar may call the method with. A new method gets a name for error texts, as most take. */
function argumentsFor(name: DecoderMethod, decoder: Decoder, random: SeededRandom): unknown[] {
  switch (name) {
    case 'expect':
    case 'accept':
    case 'isNext':
      return [random.pick(['(', ')', ' ', '"', '[', '<', '*', '\\'])];
    case 'acceptWord':
      return [random.pick(['NIL', 'NOT', 'RETURN', 'CHARSET'])];
    case 'isOff':
      return [random.pick(switchableCapabilities)];
    case 'isEnabled':
      return ['CONDSTORE'];
    case 'expectNumber':
      return ['number', random.below(2), random.pick([undefined, 63, Number.MAX_SAFE_INTEGER])];
    case 'expectList':
      return ['things', 1 + random.below(50), () => void decoder.expectAString()];
    default:
      return ['thing'];
  }
}
