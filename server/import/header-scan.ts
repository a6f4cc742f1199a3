import type { InternalDate } from '../../protocol/dates.ts';
import type { Flag } from '../../protocol/flag.ts';
import { isBlankLine, type LineFragment } from './line-splitter.ts';
import { parseMailDate } from './mail-date.ts';

/** What an import looks for stands at the start of a header; the rest is not kept. */
const maxHeaderBytes = 64 * 1024;

/** Letters of the fields `Status` and `X-Status`, as mail programs write them into an mbox. */
const statusFlags: Readonly<Record<string, Flag>> = {
  R: '\\Seen',
  A: '\\Answered',
  F: '\\Flagged',
  D: '\\Deleted',
  T: '\\Draft',
};

/** Keeps the header of a message that passes by, to read from it what is not in the octets. */
export class HeaderScan {
  readonly #lines: string[] = [];
  #size = 0;
  #isComplete = false;

  append(fragment: LineFragment): void {
    if (this.#isComplete) return;
    this.#size += fragment.bytes.length;
    this.#isComplete = isBlankLine(fragment) || this.#size > maxHeaderBytes;
    if (!this.#isComplete) this.#lines.push(fragment.bytes.toString('latin1'));
  }

  /** Of the field `Date`. */
  date(): InternalDate | undefined {
    return parseMailDate(this.field('Date') ?? '');
  }

  /** Of the fields `Status` and `X-Status`. */
  flags(): readonly Flag[] {
    const letters = `${this.field('Status') ?? ''}${this.field('X-Status') ?? ''}`;
    const flags = new Set<Flag>();
    for (const letter of letters) {
      const flag = statusFlags[letter];
      if (flag !== undefined) flags.add(flag);
    }
    return [...flags];
  }

  /** The first field of the name, unfolded; undefined where there is none. */
  field(name: string): string | undefined {
    const header = this.#lines.join('').replaceAll(/\r?\n[ \t]+/g, ' ');
    return new RegExp(`^${name}[ \t]*:[ \t]*(.*?)\r?$`, 'im').exec(header)?.[1];
  }
}
