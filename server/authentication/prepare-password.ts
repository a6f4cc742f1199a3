/** RFC 3454, table B.1: characters that are mapped to nothing. */
const mappedToNothing =
  /[\u00AD\u1806\u200B-\u200D\u2060\uFEFF]|\u034F|[\u180B-\u180D]|[\uFE00-\uFE0F]/gu;

/** RFC 3454, table C.1.2: spaces that are not ASCII. U+200B is in B.1 too, which comes first here. */
const otherSpaces = /[\u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]/gu;

/** RFC 4013, section 2.3, by Unicode categories: controls, private use, surrogates, noncharacters, tagging. */
const prohibited =
  /[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u0340\u0341\u200E\u200F\u2028-\u202E\u206A-\u206F\u2FF0-\u2FFB\uFFF9-\uFFFD\u{E0001}\u{E0020}-\u{E007F}]/u;

/** What is prepared already, as most passwords are. */
const printableAscii = /^[ -~]+$/;

/** Longer passwords are refused, so that no login is made costly by its length. */
export const maxPasswordBytes = 1024;

/**
 * A password in the form that is hashed and compared, so that it does not matter how a keyboard composed
 * it: SASLprep without the check of bidirectional text. Undefined if no password can look like this: it
 * is empty, too long or holds a control character.
 *
 * @see RFC 4013, section 2
 */
export function preparePassword(password: string): string | undefined {
  if (printableAscii.test(password) && password.length <= maxPasswordBytes) return password;
  const prepared = password
    .replace(mappedToNothing, '')
    .replace(otherSpaces, ' ')
    .normalize('NFKC');
  if (prepared === '' || prohibited.test(prepared)) return undefined;
  return Buffer.byteLength(prepared) <= maxPasswordBytes ? prepared : undefined;
}
