import { readdirSync, readFileSync } from 'node:fs';
import type { WireData } from './wire-grammar.ts';

/** What a message of the corpus must give. Strings are wire text: one character for each byte. */
export interface Expectation {
  /** What is special about the message, and what the answers follow from. */
  readonly why: string;
  readonly envelope: WireData;
  readonly bodyStructure: WireData;
  /** By section name (`1.MIME`, `HEADER.FIELDS (TO)`); null for `NIL`. */
  readonly sections: Readonly<Record<string, string | null>>;
  /** In what mailparser sees the message otherwise, and why; where absent it must agree. */
  readonly mailparserDiffers?: Readonly<
    Partial<Record<'structure' | 'subject' | 'addresses', string>>
  >;
}

export interface CorpusMessage {
  readonly name: string;
  readonly bytes: Buffer;
  readonly expected: Expectation;
}

const directory = new URL('../../fixtures/mail/', import.meta.url);

/** All messages of the corpus, by name. */
export function readCorpus(): CorpusMessage[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.eml'))
    .toSorted()
    .map((file) => {
      const name = file.slice(0, -'.eml'.length);
      const answer = readFileSync(new URL(`${name}.expected.json`, directory), 'utf8');
      return {
        name,
        bytes: readFileSync(new URL(file, directory)),
        expected: JSON.parse(answer) as Expectation,
      };
    });
}
