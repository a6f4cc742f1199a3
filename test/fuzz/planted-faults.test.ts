// Faults that are planted in copies of what is fuzzed: each is found within the mutations that fuzz.test.ts makes, and made small.
import t from 'tap';
import { CommandReader } from '../../protocol/command-reader.ts';
import { Decoder } from '../../protocol/decoder.ts';
import type { CommandGrammar } from '../../protocol/grammar/command-grammar.ts';
import { knownCommands } from '../../protocol/read-command.ts';
import { Inflater } from '../../server/net/compression/inflater.ts';
import { DecoderTarget } from './decoder-target.ts';
import { fuzzOnce, type Finding } from './fuzz-run.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { GrammarsTarget } from './grammars-target.ts';
import { InflateTarget } from './inflate-target.ts';
import { ReaderTarget } from './reader-target.ts';
import { testedCounts } from './targets.ts';
import { readTraffic } from './traffic.ts';

const sessions = readTraffic();

function find(target: FuzzTarget): Finding {
  const count = testedCounts[target.name] ?? 0;
  for (let seed = 1; seed <= count; seed++) {
    const finding = fuzzOnce(target, seed);
    if (finding !== undefined) return finding;
  }
  throw new Error(`Nothing was found with ${count} mutations`);
}

/** Forgets that a CR was the last byte of a chunk. */
class ForgetfulReader extends CommandReader {
  override push(chunk: Uint8Array): void {
    super.push(chunk.at(-1) === 0x0d ? chunk.subarray(0, -1) : chunk);
  }
}

/** Keeps a page of a pool for each chunk, for whatever reason. */
class HoardingReader extends CommandReader {
  #keptBytes = 0;

  override get heldBytes(): number {
    return super.heldBytes + this.#keptBytes;
  }

  override push(chunk: Uint8Array): void {
    this.#keptBytes += 65_536;
    super.push(chunk);
  }
}

/** Fails on what stands in the place of a space. */
class CarelessDecoder extends Decoder {
  override expectSpace(): void {
    if (this.accept(' ')) return;
    if (this.isNext(')')) throw new TypeError("Cannot read properties of undefined (reading '1')");
    throw this.expected('space');
  }
}

/** Loses a byte once it has been packed. */
class BrokenInflater extends Inflater {
  #isPacked = false;

  override pack(): void {
    this.#isPacked = true;
    super.pack();
  }

  override next(): Buffer | undefined {
    const piece = super.next();
    if (!this.#isPacked || piece === undefined) return piece;
    this.#isPacked = false;
    return piece.subarray(1);
  }
}

/** The commands of the server, which copy the name of a mailbox to where there is not always room for it. */
function withShortNames(): ReadonlyMap<string, CommandGrammar> {
  const change = (grammar: CommandGrammar): CommandGrammar => ({
    ...grammar,
    expectArguments: (decoder, isUid) => {
      const read = grammar.expectArguments(decoder, isUid);
      if ('mailboxName' in read) new Uint8Array(255).set(Buffer.from(String(read.mailboxName)));
      return read;
    },
  });
  return new Map([...knownCommands].map(([name, grammar]) => [name, change(grammar)]));
}

const faults: readonly (readonly [string, FuzzTarget, RegExp, number])[] = [
  [
    'a chunk boundary that counts',
    new ReaderTarget(sessions, (options) => new ForgetfulReader(options)),
    /^In pieces /,
    200,
  ],
  [
    'memory without a bound',
    new ReaderTarget(sessions, (options) => new HoardingReader(options)),
    /^\d+ bytes are held, more than /,
    Infinity,
  ],
  [
    'an error that is none of the client',
    new DecoderTarget(sessions, CarelessDecoder),
    /^TypeError/,
    200,
  ],
  [
    'a buffer that is too small',
    new GrammarsTarget(sessions, withShortNames()),
    /^RangeError: offset is out of bounds/,
    Infinity,
  ],
  [
    'a byte that is lost once',
    new InflateTarget(sessions, () => new BrokenInflater()),
    /^Inflated to \d+ bytes that differ/,
    200,
  ],
];

for (const [name, target, reason, maxBytes] of faults) {
  await t.test(`${target.name}: ${name} is found`, (t) => {
    const finding = find(target);
    t.match(finding.reason, reason);
    t.ok(finding.input.length <= maxBytes, `${finding.input.length} bytes are left`);
    t.match(fuzzOnce(target, finding.seed)?.reason, reason, 'and found again with its seed');
    t.end();
  });
}
