import type { InternalDate } from './command.ts';
import type { Decoder } from './decoder.ts';
import type { CalendarDay } from './search-key.ts';

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

const datePattern = /^(\d{1,2})-([a-z]{3})-(\d{4})$/i;

/** The day may be one digit without the space before it, as scripts write it. */
const dateTimePattern = /^ ?(\d{1,2})-([a-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/i;

/** A `date`, bare or in quotes: `1-Feb-1994`. Days that no calendar has are refused. */
export function expectDate(decoder: Decoder): CalendarDay {
  const start = decoder.position;
  const match = datePattern.exec(decoder.expectAString('date'));
  const day = match && parseDay(match[1]!, match[2]!, match[3]!);
  if (!day) throw decoder.expected('date', start);
  return day;
}

/**
 * A `date-time`, always in quotes: `" 1-Jan-2026 00:00:00 +0100"`. A leap second counts as the second after it.
 *
 * @see RFC 3501, section 9
 */
export function expectDateTime(decoder: Decoder): InternalDate {
  const start = decoder.position;
  const match = dateTimePattern.exec(decoder.expectString('date and time'));
  const date = match && parseDateTime(match);
  if (!date) throw decoder.expected('date and time', start);
  return date;
}

function parseDateTime(match: RegExpExecArray): InternalDate | undefined {
  const day = parseDay(match[1]!, match[2]!, match[3]!);
  const [hour, minute, second] = [Number(match[4]), Number(match[5]), Number(match[6])];
  const [zoneHour, zoneMinute] = [Number(match[8]), Number(match[9])];
  if (!day || hour > 23 || minute > 59 || second > 60 || zoneHour > 23 || zoneMinute > 59) {
    return undefined;
  }
  // `|| 0` keeps "-0000" from becoming the number -0
  const zoneMinutes = (match[7] === '-' ? -1 : 1) * (zoneHour * 60 + zoneMinute) || 0;
  const localMs = startOfDay(day) + ((hour * 60 + minute) * 60 + second) * 1000;
  return { epochMs: localMs - zoneMinutes * 60_000, zoneMinutes };
}

function parseDay(dayText: string, monthText: string, yearText: string): CalendarDay | undefined {
  const month = months.indexOf(monthText.toLowerCase()) + 1;
  const day = { year: Number(yearText), month, day: Number(dayText) };
  // A day that the month does not have falls into another month
  const exists = month > 0 && new Date(startOfDay(day)).getUTCMonth() + 1 === month;
  return exists ? day : undefined;
}

/** Milliseconds since 1970; `Date.UTC` would take the years 0 to 99 for 1900 to 1999. */
function startOfDay(day: CalendarDay): number {
  return new Date(0).setUTCFullYear(day.year, day.month - 1, day.day);
}
