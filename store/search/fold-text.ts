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
  return text.normalize('NFKD').toUpperCase().normalize('NFKD');
}

function isAscii(text: string): boolean {
  return !/[\u0080-\uffff]/.test(text);
}
