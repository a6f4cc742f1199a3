/**
 * Text in the form in which searches compare it: capitals and compatibility forms folded, accents taken apart
 * but kept, so that "É" is "é" and not "e".
 *
 * Two texts that i;unicode-casemap (RFC 5051) takes for equal fold to the same text. The folding goes a
 * little further: "ß" finds "SS", and "ﬁ" finds "fi".
 */
export function foldText(text: string): string {
  // toUpperCase, not toLowerCase: what a capital sigma becomes there depends on what follows it.
  if (isAscii(text)) return text.toUpperCase();
  const folded = text.normalize('NFKD').toUpperCase().normalize('NFKD');
  return folded.replace(doubles, (found) => doublesByCharacter[found]!);
}

function isAscii(text: string): boolean {
  return !/[\u0080-\uffff]/.test(text);
}

/**
 * Characters of East Asian charsets that vendors map to one or the other of two: a mail has the one, what a user types is
 * the other.
 */
const doublesByCharacter: Readonly<Record<string, string>> = {
  '〜': '~',
  '∼': '~',
  '∥': '‖',
  '−': '-',
  '―': '—',
  '・': '·',
};
const doubles = /[〜∼∥−―・]/g;
