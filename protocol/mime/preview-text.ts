import { mimeLimits } from './limits.ts';
import type { MimePart } from './mime-structure.ts';
import { decodePartText } from './part-text.ts';

/** What a preview is made from. */
export interface PreviewSource {
  readonly part: MimePart;
  /** Bytes of the message from which it is made: the beginning of the part's body. */
  readonly start: number;
  readonly end: number;
}

/**
 * Where the text is that tells what a message is about: its first part of text that is no attachment, as plain text if it comes
 * in several forms. Undefined if there is none: the message is encrypted, or an image.
 */
export function findPreviewSource(structure: MimePart): PreviewSource | undefined {
  const part = findText(structure);
  if (part === undefined) return undefined;
  const bytes = isHtml(part) ? mimeLimits.previewHtmlBytes : mimeLimits.previewPlainBytes;
  return { part, start: part.bodyStart, end: Math.min(part.end, part.bodyStart + bytes) };
}

/**
 * The beginning of a text on one line, without markup: at most `mimeLimits.previewCharacters` characters of Unicode. Takes linear
 * time and never throws.
 *
 * @param bytes of a {@link PreviewSource}
 * @see RFC 8970, section 3.3
 */
export function makePreview(part: MimePart, bytes: Uint8Array): string {
  // Of a character that was cut at the end.
  const text = decodePartText(part, bytes).replace(/\ufffd$/, '');
  return shorten(isHtml(part) ? stripHtml(text) : dropQuotedLines(text));
}

function isHtml({ subtype }: MimePart): boolean {
  return subtype === 'html';
}

function findText(part: MimePart): MimePart | undefined {
  if (part.disposition?.type.toLowerCase() === 'attachment') return undefined;
  if (part.message !== undefined) return findText(part.message);
  if (part.children === undefined) {
    const isText = part.type === 'text' && (part.subtype === 'plain' || isHtml(part));
    return isText && part.end > part.bodyStart ? part : undefined;
  }
  let first: MimePart | undefined;
  for (const child of part.children) {
    const found = findText(child);
    first ??= found;
    if (found !== undefined && (part.subtype !== 'alternative' || !isHtml(found))) return found;
  }
  return first;
}

/** Lines that quote another message tell less; if there are no others, they stay. */
function dropQuotedLines(text: string): string {
  const own = text.replace(/^>.*$/gm, '');
  return /\S/.test(own) ? own : text;
}

/** Characters that take no room. Senders fill what follows their own preview with them. */
const invisible = '\\u00ad\\u034f\\u200b-\\u200f\\u2060\\ufeff';
const blanks = new RegExp(`[\\s\\x00-\\x1f\\x7f-\\x9f${invisible}]+`, 'g');
/** What would turn the text around it. */
const directions = /[\u202a-\u202e\u2066-\u2069]/g;

function shorten(text: string): string {
  const line = text
    .replace(directions, '')
    // One that joins or parts letters stays.
    .replace(blanks, (run) =>
      run.length === 1 && /[\u00ad\u200b-\u200f]|\u034f/.test(run) ? run : ' ',
    )
    .trim()
    .toWellFormed();
  const characters = mimeLimits.previewCharacters;
  // No character has more than two units.
  return Array.from(line.slice(0, 2 * characters))
    .slice(0, characters)
    .join('')
    .trimEnd();
}

/** Elements whose content is no text. */
const unseenElements: ReadonlySet<string> = new Set(['script', 'style', 'title', 'template']);
/** Elements that part no words. */
const inlineElements: ReadonlySet<string> = new Set(
  'a abbr b bdi bdo big cite code em font i ins kbd label mark q s small span strike strong sub sup tt u wbr'.split(
    ' ',
  ),
);

/** The text of HTML; what is cut at the end of an element that is not seen goes with it. */
function stripHtml(html: string): string {
  // Of the same length: other letters may become two.
  const lower = html.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  const pieces: string[] = [];
  let position = 0;
  // Ends: each round goes on by at least one character.
  while (position < html.length) {
    const open = html.indexOf('<', position);
    const textEnd = open === -1 ? html.length : open;
    pieces.push(html.slice(position, textEnd));
    if (open === -1) break;
    const tag = readTag(lower, open);
    if (tag === undefined) pieces.push('<');
    else if (!inlineElements.has(tag.name)) pieces.push(' ');
    position = tag?.end ?? open + 1;
  }
  return decodeReferences(pieces.join(''));
}

const tagName = /<\/?([a-z][a-z0-9]*)/y;

/** The tag, comment or declaration that begins here, with the content of an element that is not seen; undefined for a mere `<`. */
function readTag(lower: string, open: number): { name: string; end: number } | undefined {
  if (lower.startsWith('<!--', open)) return { name: '!', end: endBehind(lower, '-->', open + 4) };
  if (lower.startsWith('<!', open) || lower.startsWith('<?', open)) {
    return { name: '!', end: endBehind(lower, '>', open + 2) };
  }
  tagName.lastIndex = open;
  const name = tagName.exec(lower)?.[1];
  if (name === undefined) return undefined;
  const end = endOfTag(lower, tagName.lastIndex);
  if (lower[open + 1] === '/' || !unseenElements.has(name)) return { name, end };
  return { name, end: endBehind(lower, '>', endBehind(lower, `</${name}`, end)) };
}

/** Behind the next of a text; the end of all if there is none. */
function endBehind(lower: string, text: string, position: number): number {
  const place = lower.indexOf(text, position);
  return place === -1 ? lower.length : place + text.length;
}

/** Behind the `>` of a tag that is not within quotes. */
function endOfTag(lower: string, start: number): number {
  for (let position = start; position < lower.length; position++) {
    const character = lower[position]!;
    if (character === '>') return position + 1;
    // A quote that is not closed would take all that follows.
    if (character !== '"' && character !== "'") continue;
    const close = lower.indexOf(character, position + 1);
    if (close === -1) return endBehind(lower, '>', position);
    position = close;
  }
  return lower.length;
}

/** The names of U+00A0 to U+00FF. */
const latinNames =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para ' +
  'middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute ' +
  'Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute ' +
  'THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ' +
  'ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml';

/** Those character references that mail has; another stays as it is. */
const references = new Map<string, string>([
  ...latinNames.split(' ').map((name, index) => [name, String.fromCharCode(0xa0 + index)] as const),
  ...Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }),
  ...Object.entries({ ndash: '–', mdash: '—', hellip: '…', bull: '•', euro: '€', trade: '™' }),
  ...Object.entries({ lsquo: '‘', rsquo: '’', sbquo: '‚', ldquo: '“', rdquo: '”', bdquo: '„' }),
  ...Object.entries({ zwnj: '\u200c', zwj: '\u200d', ensp: ' ', emsp: ' ', thinsp: ' ' }),
]);

function decodeReferences(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z][a-z0-9]{1,7}));?/gi,
    (whole, decimal?: string, hexadecimal?: string, name?: string) => {
      if (name !== undefined) return references.get(name) ?? whole;
      const code = decimal === undefined ? Number.parseInt(hexadecimal!, 16) : Number(decimal);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}
