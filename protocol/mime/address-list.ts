import { tokenizeAddresses, type AddressToken } from './address-tokens.ts';

/**
 * One entry of an address list as ENVELOPE wants it. A group begins with an entry that has only `mailbox`
 * (the group's name) and ends with one that has nothing. Every other entry has mailbox and host; a part
 * that the message lacks is empty.
 *
 * @see RFC 3501, section 7.4.2
 */
export interface EnvelopeAddress {
  readonly name?: string;
  /** The source route of RFC 822, `@a,@b`. */
  readonly route?: string;
  readonly mailbox?: string;
  readonly host?: string;
}

/**
 * Reads an address list: groups, routes, quoted local parts, comments as names, and what real messages
 * contain instead. Encoded words stay encoded. Entries that are not addresses survive as names; at most
 * `limit` entries are given. Takes linear time and never throws.
 *
 * @param text wire text of an unfolded field value
 * @see RFC 5322, sections 3.4 and 4.4
 */
export function parseAddressList(text: string, limit: number): EnvelopeAddress[] {
  const plain = limit > 0 ? readPlainList(text) : undefined;
  if (plain !== undefined) return [plain];
  const entries: EnvelopeAddress[] = [];
  let tokens: AddressToken[] = [];
  let isInGroup = false;
  let hasAt = false;
  /** `route`: inside `<@`, where commas divide the route, up to its colon. */
  let place: 'phrase' | 'angle' | 'route' = 'phrase';
  const flush = () => {
    const address = readAddress(tokens);
    if (address) entries.push(address);
    tokens = [];
    hasAt = false;
    place = 'phrase';
  };
  for (const token of tokenizeAddresses(text)) {
    if (entries.length >= limit) break;
    if (isSpecial(token, ',') && place !== 'route') {
      flush();
    } else if (isSpecial(token, ';')) {
      flush();
      if (isInGroup) entries.push({});
      isInGroup = false;
    } else if (isSpecial(token, ':') && place === 'phrase' && !isInGroup && !hasAt) {
      entries.push({ mailbox: joinPhrase(withoutComments(tokens)) });
      isInGroup = true;
      tokens = [];
    } else {
      place = nextPlace(place, token, tokens.at(-1));
      hasAt ||= isSpecial(token, '@');
      tokens.push(token);
    }
  }
  flush();
  if (isInGroup) entries.push({});
  return entries;
}

/** Words without specials, quotes, comments and encoded words. */
const word = String.raw`[^ \t\r\n()<>@,;:"[\]\\=]+`;
const plainPattern = new RegExp(
  `^(?:(?:(${word}(?: ${word})*) ?)?<(${word})@(${word})>|(${word})@(${word}))$`,
);

/** The address of a list that is nothing but one of the usual forms, as most are; undefined for others. */
function readPlainList(text: string): EnvelopeAddress | undefined {
  const match = plainPattern.exec(text);
  if (match === null) return undefined;
  const [, name, angleLocal, angleHost, local = angleLocal!, host = angleHost!] = match;
  return { ...nameOf(name), mailbox: local, host };
}

function nextPlace(
  place: 'phrase' | 'angle' | 'route',
  token: AddressToken,
  previous: AddressToken | undefined,
): 'phrase' | 'angle' | 'route' {
  if (isSpecial(token, '<')) return 'angle';
  if (place === 'phrase' || isSpecial(token, '>')) return 'phrase';
  if (isSpecial(token, ':')) return 'angle';
  return isSpecial(token, '@') && previous && isSpecial(previous, '<') ? 'route' : place;
}

function withoutComments(tokens: readonly AddressToken[]): AddressToken[] {
  return tokens.filter((token) => token.kind !== 'comment');
}

/** One address between commas; undefined if nothing is there. */
function readAddress(all: readonly AddressToken[]): EnvelopeAddress | undefined {
  const tokens = withoutComments(all);
  if (tokens.length === 0) return undefined;
  const comment = all.find((token) => token.kind === 'comment');
  const open = tokens.findIndex((token) => isSpecial(token, '<'));
  if (open !== -1) return readAngleAddress(tokens, open, comment);
  const at = tokens.findLastIndex((token) => isSpecial(token, '@'));
  if (at !== -1) return readPlainAddress(tokens, at, comment);
  if (tokens.length > 1) return { name: joinPhrase(tokens), mailbox: '', host: '' };
  return { ...nameOf(comment?.text), mailbox: tokens[0]!.text, host: '' };
}

/** `Name <@route:local@domain>`; words behind the `>` belong to the name. */
function readAngleAddress(
  tokens: readonly AddressToken[],
  open: number,
  comment: AddressToken | undefined,
): EnvelopeAddress {
  const close = tokens.findIndex((token, index) => index > open && isSpecial(token, '>'));
  const end = close === -1 ? tokens.length : close;
  const inner = tokens.slice(open + 1, end).filter((token) => !isSpecial(token, '<'));
  const outer = [...tokens.slice(0, open), ...tokens.slice(end + 1)];
  const name = joinPhrase(
    outer.filter((token) => !isSpecial(token, '<') && !isSpecial(token, '>')),
  );
  const colon = inner.findIndex((token) => isSpecial(token, ':'));
  const hasRoute = colon !== -1 && isSpecial(inner[0]!, '@');
  const address = hasRoute ? inner.slice(colon + 1) : inner;
  const at = address.findLastIndex((token) => isSpecial(token, '@'));
  return {
    ...nameOf(name === '' ? comment?.text : name),
    ...(hasRoute && { route: joinTight(inner.slice(0, colon)) }),
    mailbox: joinTight(at === -1 ? address : address.slice(0, at)),
    host: at === -1 ? '' : joinTight(address.slice(at + 1)),
  };
}

/** `local@domain`, perhaps with words around it that lack their angle brackets. */
function readPlainAddress(
  tokens: readonly AddressToken[],
  at: number,
  comment: AddressToken | undefined,
): EnvelopeAddress {
  let start = at - 1;
  while (start > 0 && isJoined(tokens[start - 1]!, tokens[start]!)) start--;
  let end = at + 2;
  while (end < tokens.length && isJoined(tokens[end - 1]!, tokens[end]!)) end++;
  const name = joinPhrase([...tokens.slice(0, Math.max(start, 0)), ...tokens.slice(end)]);
  return {
    ...nameOf(name === '' ? comment?.text : name),
    mailbox: joinTight(tokens.slice(Math.max(start, 0), at)),
    host: joinTight(tokens.slice(at + 1, end)),
  };
}

/** White space divides words, but not around a dot (`a . b@c`, RFC 5322 section 4.4) or an `@`. */
function isJoined(left: AddressToken, right: AddressToken): boolean {
  if (!right.hasSpaceBefore) return true;
  return isLink(left, -1) || isLink(right, 0);
}

function isLink(token: AddressToken, edge: 0 | -1): boolean {
  return isSpecial(token, '@') || (token.kind === 'atom' && token.text.at(edge) === '.');
}

function isSpecial(token: AddressToken, text: string): boolean {
  return token.kind === 'special' && token.text === text;
}

function joinTight(tokens: readonly AddressToken[]): string {
  return tokens.map((token) => token.text).join('');
}

/** Words with one space where any white space was. */
function joinPhrase(tokens: readonly AddressToken[]): string {
  return tokens
    .map((token, index) => (index > 0 && token.hasSpaceBefore ? ' ' : '') + token.text)
    .join('');
}

function nameOf(name: string | undefined): { name?: string } {
  return name === undefined || name === '' ? {} : { name };
}
