import { transcriptLimits } from './limits.ts';

/** What a placeholder such as `{{uid:number}}` stands for. */
export type ValueKind = 'number' | 'atom' | 'text' | 'string' | 'nstring' | 'list' | 'any';

/** What stands between two pairs of braces. */
export type Placeholder =
  /** `{{number}}`, or `{{uid:number}}`, which also keeps what it has matched. */
  | { readonly type: 'match'; readonly name: string | undefined; readonly kind: ValueKind }
  /** `{{/[a-z]+/}}`, `{{name:/[a-z]+/}}` */
  | { readonly type: 'regex'; readonly name: string | undefined; readonly source: string }
  /** `{{uid}}`: what was kept before. */
  | { readonly type: 'use'; readonly name: string }
  /** `{{...}}`: any further values, or none. */
  | { readonly type: 'rest' }
  /** `{{exactly}}`: the text for people that follows is compared, too. */
  | { readonly type: 'exactly' }
  /** `{{bytes 70000}}`: so many bytes, whatever they are. */
  | { readonly type: 'bytes'; readonly count: number }
  /** `{*}`: the size of the literal that is written with `C|` lines. */
  | { readonly type: 'size'; readonly literal: () => MarkedText };

/**
 * Text with placeholders, one character a byte (latin1): each placeholder is one character of Unicode's private area,
 * which no byte is.
 */
export interface MarkedText {
  readonly text: string;
  readonly placeholders: readonly Placeholder[];
}

/** What a text may not have, in words for the person who wrote it. */
export class PlaceholderError extends Error {}

/** The first of the characters that stand for placeholders. */
const firstMark = 0xe000;
const markPattern = /[\ue000-\uf8f0]/;
const allMarks = /[\ue000-\uf8f0]/g;
const braces = /\{\{(?:([a-z][a-z0-9-]*):)?\/((?:\\.|[^/\\])+)\/\}\}|\{\{([^{}]*)\}\}|(\{\*\+?\})/g;
const kinds: ReadonlySet<string> = new Set<ValueKind>([
  'number',
  'atom',
  'text',
  'string',
  'nstring',
  'list',
  'any',
]);
const escapes: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', '0': '\0' };

/** Collects the placeholders of one line with its literals, and knows which names were captured before it. */
export class PlaceholderReader {
  readonly placeholders: Placeholder[] = [];
  readonly #known: ReadonlySet<string>;
  readonly #literal: (() => MarkedText) | undefined;

  /**
   * @param known - names that may be used
   * @param literal - the text of the literal that `{*}` counts; absent: `{*}` is text
   */
  constructor(known: ReadonlySet<string>, literal?: () => MarkedText) {
    this.#known = known;
    this.#literal = literal;
  }

  /** The names that these placeholders capture. */
  get captured(): readonly string[] {
    return this.placeholders.flatMap((placeholder) =>
      'name' in placeholder && placeholder.type !== 'use' && placeholder.name !== undefined
        ? [placeholder.name]
        : [],
    );
  }

  /**
   * Reads Unicode text as bytes with marks.
   *
   * @throws PlaceholderError that says what is wrong
   */
  read(source: string): string {
    const bytes = Buffer.from(source, 'utf8').toString('latin1');
    return bytes.replaceAll(braces, (whole, name, regex, inner, size) => {
      if (size !== undefined) return this.#readSize(whole);
      if (regex !== undefined) return this.#mark(readRegex(name, regex));
      return this.#readInner(String(inner).trim());
    });
  }

  #readSize(whole: string): string {
    if (this.#literal === undefined) return whole;
    const end = whole.endsWith('+}') ? '+}' : '}';
    return `{${this.#mark({ type: 'size', literal: this.#literal })}${end}`;
  }

  #readInner(inner: string): string {
    if (/^(?:\\x[0-9a-fA-F]{2}|\\[rnt0])+$/.test(inner)) return readEscapes(inner);
    if (inner === '...') return this.#mark({ type: 'rest' });
    if (inner === 'exactly') return this.#mark({ type: 'exactly' });
    const count = /^bytes (\d{1,9})$/.exec(inner)?.[1];
    if (count !== undefined) return this.#mark(readBytes(Number(count)));
    const [, name, kind = ''] = /^(?:([a-z][a-z0-9-]*):)?([a-z][a-z0-9-]*)$/.exec(inner) ?? [];
    if (kinds.has(kind)) {
      if (name !== undefined && kinds.has(name)) {
        throw new PlaceholderError(`"${name}" is a kind of value: choose another name`);
      }
      return this.#mark({ type: 'match', name, kind: kind as ValueKind });
    }
    if (name === undefined && this.#known.has(kind)) return this.#mark({ type: 'use', name: kind });
    if (name === undefined && kind !== '') {
      throw new PlaceholderError(
        `"{{${kind}}}" was not captured before: write {{${kind}:KIND}} where a server line has it`,
      );
    }
    throw new PlaceholderError(
      `Cannot read "{{${inner}}}": KIND or NAME:KIND, where KIND is one of ${[...kinds].join(', ')} or /REGEX/`,
    );
  }

  #mark(placeholder: Placeholder): string {
    if (this.placeholders.length >= transcriptLimits.placeholders) {
      throw new PlaceholderError(
        `More than ${transcriptLimits.placeholders} placeholders in one response`,
      );
    }
    this.placeholders.push(placeholder);
    return String.fromCharCode(firstMark + this.placeholders.length - 1);
  }
}

function readRegex(name: string | undefined, regex: string): Placeholder {
  const source = regex.replaceAll('\\/', '/');
  try {
    return { type: 'regex', name, source: new RegExp(source).source };
  } catch (error) {
    throw new PlaceholderError(`Cannot read "/${regex}/": ${(error as Error).message}`);
  }
}

function readBytes(count: number): Placeholder {
  if (count > transcriptLimits.fillerBytes) {
    throw new PlaceholderError(`"{{bytes ${count}}}" is more than ${transcriptLimits.fillerBytes}`);
  }
  return { type: 'bytes', count };
}

function readEscapes(text: string): string {
  return text.replaceAll(/\\(?:x(..)|(.))/g, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (escapes[letter] ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** The placeholder that a character of marked text stands for; undefined for a byte. */
export function placeholderAt(
  character: string,
  placeholders: readonly Placeholder[],
): Placeholder | undefined {
  return placeholders[character.charCodeAt(0) - firstMark];
}

/** True if there is a placeholder in the text. */
export function hasPlaceholder(text: string): boolean {
  return markPattern.test(text);
}

/** Replaces each placeholder in the text by what `replace` returns. */
export function replacePlaceholders(
  text: string,
  placeholders: readonly Placeholder[],
  replace: (placeholder: Placeholder) => string,
): string {
  return text.replaceAll(allMarks, (mark) => {
    const placeholder = placeholderAt(mark, placeholders);
    return placeholder === undefined ? mark : replace(placeholder);
  });
}

/** Text with each placeholder as it is written, for people. */
export function showPlaceholders(text: string, placeholders: readonly Placeholder[]): string {
  return replacePlaceholders(text, placeholders, showPlaceholder);
}

function showPlaceholder(placeholder: Placeholder): string {
  switch (placeholder.type) {
    case 'match':
      return `{{${prefix(placeholder.name)}${placeholder.kind}}}`;
    case 'regex':
      return `{{${prefix(placeholder.name)}/${placeholder.source}/}}`;
    case 'use':
      return `{{${placeholder.name}}}`;
    case 'bytes':
      return `{{bytes ${placeholder.count}}}`;
    case 'exactly':
      return '{{exactly}}';
    default:
      return placeholder.type === 'rest' ? '{{...}}' : '*';
  }
}

function prefix(name: string | undefined): string {
  return name === undefined ? '' : `${name}:`;
}

/** So many bytes of text in lines of 78 characters, as a message may have them. */
export function fillerText(sizeBytes: number): string {
  const line = `${'x'.repeat(76)}\r\n`;
  const lines = line.repeat(Math.floor(sizeBytes / line.length));
  const rest = sizeBytes - lines.length;
  return rest < 2 ? lines + 'x'.repeat(rest) : `${lines}${'x'.repeat(rest - 2)}\r\n`;
}
