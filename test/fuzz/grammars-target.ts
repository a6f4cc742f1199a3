import { isDeepStrictEqual } from 'node:util';
import { CommandError, Decoder } from '../../protocol/decoder.ts';
import type { CommandGrammar } from '../../protocol/grammar/command-grammar.ts';
import { knownCommands } from '../../protocol/read-command.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';
import { chooseClientState, type ClientState } from './client-state.ts';
import { checkText, checkWeight, show, type FuzzTarget } from './fuzz-target.ts';
import { Mutator } from './mutator.ts';

/** Literals that stream in one command; with more nothing new is found. */
const maxStreams = 8;

const commandStart = /^(UID )?([^ ]+)/i;

/** The grammar of each command reads what it may and refuses the rest with a CommandError. */
export class GrammarsTarget implements FuzzTarget {
  readonly name = 'grammars';
  readonly #sessions: readonly (readonly string[])[];
  readonly #commands: ReadonlyMap<string, CommandGrammar>;

  /** @param commands - by name; absent: all of the server */
  constructor(sessions: readonly (readonly string[])[], commands = knownCommands) {
    this.#sessions = sessions;
    this.#commands = commands;
  }

  makeInput(random: SeededRandom): Buffer {
    const mutator = new Mutator(this.#sessions, [...this.#commands.keys()], random);
    return Buffer.from(mutator.command(), 'latin1');
  }

  check(input: Buffer, seed: number): string | undefined {
    const [start = '', uid, name = ''] = commandStart.exec(input.toString('latin1')) ?? [];
    const grammar = this.#commands.get(name.toUpperCase());
    if (grammar === undefined) return undefined;
    const state = chooseClientState(new SeededRandom(seed));
    const rest = input.subarray(start.length);
    const read = readAll(grammar, rest, uid !== undefined, state);
    const again = readAll(grammar, rest, uid !== undefined, state);
    if (!isDeepStrictEqual(read, again)) return `Read ${show(read)}, and then ${show(again)}`;
    return (read.refusal && checkText(read.refusal)) ?? checkWeight(read, input.length);
  }
}

/** What a grammar makes of some bytes. */
interface Reading {
  /** What it reads of the arguments, and behind each literal that streams. */
  readonly parts: readonly unknown[];
  /** Why it refuses the rest; absent if it does not. */
  readonly refusal?: string;
}

function readAll(
  grammar: CommandGrammar,
  bytes: Buffer,
  isUid: boolean,
  { off, enabled }: ClientState,
): Reading {
  const parts: unknown[] = [];
  let rest = bytes;
  try {
    let decoder = new Decoder(rest, off, enabled);
    let part: object | undefined = grammar.expectArguments(decoder, isUid);
    parts.push(part);
    while (part !== undefined && 'sizeBytes' in part && parts.length < maxStreams) {
      // Behind the literal; if its size is wrong it is cut, as nothing would be found behind it.
      rest = rest.subarray(decoder.position + Math.min(Number(part.sizeBytes), 10));
      decoder = new Decoder(rest, off, enabled);
      part = grammar.expectNext?.(decoder, part);
      parts.push(part);
    }
    return { parts };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { parts, refusal: error.message };
  }
}
