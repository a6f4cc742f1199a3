import { monthOf } from '../protocol/mime/mail-date.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** Days since 1970; a day that the month does not have counts on into the next one. */
export function dayNumber(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month - 1, day) / dayMs;
}

/**
 * The day that the Date field of an ENVELOPE names, in days since 1970, whatever its time and zone (RFC 3501,
 * section 6.4.4, SENTON). Undefined if there is none or it cannot be read.
 *
 * @param envelope wire text; its first string is the date
 */
export function sentDayOf(envelope: string): number | undefined {
  const date = /\d{1,2}[\s-]+[a-z]{3}[a-z]*[\s-]+\d{2,4}/i.exec(firstString(envelope) ?? '');
  const [day, month, year] = date?.[0].split(/[\s-]+/) ?? [];
  if (day === undefined || month === undefined || year === undefined) return undefined;
  const monthIndex = monthOf(month);
  if (monthIndex === -1 || Number(day) < 1 || Number(day) > 31) return undefined;
  return dayNumber(fullYear(year), monthIndex + 1, Number(day));
}

/** Years of two digits and three are old ones: RFC 5322, section 4.3. */
function fullYear(digits: string): number {
  const year = Number(digits);
  if (digits.length === 2) return year < 50 ? 2000 + year : 1900 + year;
  return digits.length === 3 ? 1900 + year : year;
}

function firstString(envelope: string): string | undefined {
  const literal = /^\(\{(\d+)\}\r\n/.exec(envelope);
  if (literal) return envelope.slice(literal[0].length, literal[0].length + Number(literal[1]));
  return /^\("((?:[^"\\]|\\.)*)"/.exec(envelope)?.[1];
}
