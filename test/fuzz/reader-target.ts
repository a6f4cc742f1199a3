import { isDeepStrictEqual } from 'node:util';
import { CommandReader, type CommandReaderOptions } from '../../protocol/command-reader.ts';
import { commandGrammar } from '../../protocol/grammar/commands.ts';
import type { CommandGrammar } from '../../protocol/grammar/command-grammar.ts';
import { limitsAfterLogin, limitsBeforeLogin } from '../../protocol/limits.ts';
import type { ReaderEvent } from '../../protocol/reader-event.ts';
import { mergeData } from '../fixtures/read-events.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';
import { cut } from './chunks.ts';
import { chooseClientState } from './client-state.ts';
import { checkText, checkWeight, show, type FuzzTarget } from './fuzz-target.ts';
import { Mutator } from './mutator.ts';

/** Of a command that is gathered: room doubles as bytes come, and a start is a few hundred bytes. */
function maxHeldBytes(isAuthenticated: boolean): number {
  const ofCommands = Object.values<CommandGrammar>(commandGrammar).flatMap(
    ({ limitsBeforeLogin: own }) => own ?? [],
  );
  const limits = isAuthenticated ? [limitsAfterLogin] : [limitsBeforeLogin, ...ofCommands];
  const most = limits.map(({ lineBytes, commandLiteralBytes }) => lineBytes + commandLiteralBytes);
  return 2 * Math.max(...most) + 1_024;
}

const [heldBeforeLogin, heldAfterLogin] = [maxHeldBytes(false), maxHeldBytes(true)];
/** What a response may repeat. */
const tagPattern = /^[!-~]{1,128}$/;

/** A client's bytes, however they are cut, give the same events, no error, and hold a bounded number of bytes. */
export class ReaderTarget implements FuzzTarget {
  readonly name = 'reader';
  readonly #sessions: readonly (readonly string[])[];
  readonly #newReader: (options: CommandReaderOptions) => CommandReader;

  /** @param newReader - absent: the server's own */
  constructor(
    sessions: readonly (readonly string[])[],
    newReader = (options: CommandReaderOptions) => new CommandReader(options),
  ) {
    this.#sessions = sessions;
    this.#newReader = newReader;
  }

  makeInput(random: SeededRandom): Buffer {
    const mutator = new Mutator(this.#sessions, Object.keys(commandGrammar), random);
    return Buffer.from(mutator.session(), 'latin1');
  }

  check(input: Buffer, seed: number): string | undefined {
    const whole = this.#read([Buffer.from(input)], seed);
    if (typeof whole === 'string') return whole;
    const pieces = this.#read(cut(input, new SeededRandom(seed)), seed);
    if (typeof pieces === 'string') return pieces;
    const [expected, found] = [mergeData(whole), mergeData(pieces)];
    if (isDeepStrictEqual(expected, found)) return undefined;
    const at = expected.findIndex((event, index) => !isDeepStrictEqual(event, found[index]));
    const index = at < 0 ? expected.length : at;
    return `In pieces ${show(found[index])}, as a whole ${show(expected[index])}`;
  }

  /** The events, or what is wrong. */
  #read(chunks: readonly Buffer[], seed: number): ReaderEvent[] | string {
    const random = new SeededRandom(seed + 1);
    const reader = this.#newReader({
      maxAppendBytes: random.pick([60, 5_000, 1_000_000]),
      ...chooseClientState(random),
    });
    let isAuthenticated = random.chance(0.7);
    if (isAuthenticated) reader.setAuthenticated();
    const events: ReaderEvent[] = [];
    let takenBytes = 0;
    for (const chunk of chunks) {
      reader.push(chunk);
      takenBytes += chunk.length;
      for (let event = reader.next(); event !== undefined; event = reader.next()) {
        events.push(event);
        const fault = faultOf(event) ?? checkWeight(event, takenBytes);
        if (fault !== undefined) return fault;
        // The choices depend on what was read, never on how it was cut.
        if (event.kind === 'stream-data') continue;
        const choice = random.below(20);
        if (choice === 0 && /continue|stream|stream-next/.test(event.kind)) reader.rejectLiteral();
        if (choice === 1 && event.kind === 'command') reader.expectLine();
        if (choice === 2 && event.kind === 'command') {
          isAuthenticated = true;
          reader.setAuthenticated();
        }
      }
      if (reader.pendingBytes > 0) return `${reader.pendingBytes} bytes wait, and no event comes`;
      const most = isAuthenticated ? heldAfterLogin : heldBeforeLogin;
      if (reader.heldBytes > most) return `${reader.heldBytes} bytes are held, more than ${most}`;
    }
    return events;
  }
}

function faultOf(event: ReaderEvent): string | undefined {
  if ('tag' in event && event.tag !== undefined && !tagPattern.test(event.tag)) {
    return `A response would repeat the tag ${show(event.tag)}`;
  }
  return 'text' in event ? checkText(event.text) : undefined;
}
