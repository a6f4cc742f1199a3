// Wire text holds one byte in each character, so JavaScript's own trim, \s and toLowerCase would damage
// it: they take 0xA0 for a space and change 0xC0 into 0xE0.

const whiteSpace = ' \t\r\n';

/** Without white space (space, tab, CR, LF) at the start. */
export function trimStart(text: string): string {
  let start = 0;
  while (start < text.length && whiteSpace.includes(text[start]!)) start++;
  return text.slice(start);
}

/**
 * Without white space at the end. A loop, because a regular expression that is bound to the end takes
 * square time on white space inside.
 */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && whiteSpace.includes(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** Without white space at both ends. */
export function trim(text: string): string {
  return trimEnd(trimStart(text));
}

/** A to Z in lower case, every other byte as it is. */
export function toLowerCase(text: string): string {
  if (!/[\x80-\xff]/.test(text)) return text.toLowerCase();
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** True for text without any character above U+007F. */
export function isAsciiText(text: string): boolean {
  // Any other takes at least two bytes; nothing else tells as quickly.
  return Buffer.byteLength(text) === text.length;
}
