import type { Decoder } from './decoder.ts';
import { encodeString, type WireText } from './wire-text.ts';

/** An instant with the time zone in which it was written, so that a client reads back what it sent. */
export interface InternalDate {
  /** Milliseconds since 1970-01-01T00:00Z; whole seconds. */
  readonly epochMs: number;
  /** Minutes east of UTC, -1439 to 1439. */
  readonly zoneMinutes: number;
}

/** A calendar day without a time zone, as `SINCE` and its like name it. `month` counts from 1. */
export interface CalendarDay {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** The months as IMAP and mail headers write them, from January. */
export const monthNames: readonly string[] =
  'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

const monthsByLowerCase = new Map(
  monthNames.map((name, index) => [name.toLowerCase(), index + 1] as const),
);

const datePattern = /^(\d{1,2})-([a-z]{3})-(\d{4})$/i;

/** The day may be one digit without the space before it, as scripts write it. */
const dateTimePattern = /^ ?(\d{1,2})-([a-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/i;

const earliestMs = Date.parse('0000-01-01T00:00:00Z');
const latestMs = Date.parse('9999-12-31T23:59:59Z');

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
  const month = monthsByLowerCase.get(monthText.toLowerCase());
  if (month === undefined) return undefined;
  const day = { year: Number(yearText), month, day: Number(dayText) };
  // A day that the month does not have falls into another month
  return new Date(startOfDay(day)).getUTCMonth() + 1 === month ? day : undefined;
}

/** Milliseconds since 1970; `Date.UTC` would take the years 0 to 99 for 1900 to 1999. */
function startOfDay(day: CalendarDay): number {
  return new Date(0).setUTCFullYear(day.year, day.month - 1, day.day);
}

/**
 * A `date-time` in quotes, in the zone in which it was written: `" 1-Jan-2026 00:00:00 +0100"`. Years outside
 * of 0 to 9999, which it cannot hold, become the nearest that it can.
 *
 * @see RFC 3501, section 9
 */
export function encodeInternalDate(date: InternalDate): WireText {
  const localMs = date.epochMs + date.zoneMinutes * 60_000;
  const local = new Date(Math.min(Math.max(localMs, earliestMs), latestMs));
  const day = String(local.getUTCDate()).padStart(2, ' ');
  const year = String(local.getUTCFullYear()).padStart(4, '0');
  const time = local.toISOString().replace(/^.*T(\d\d:\d\d:\d\d).*$/, '$1');
  const zone = formatZone(date.zoneMinutes);
  return encodeString(`${day}-${monthNames[local.getUTCMonth()]}-${year} ${time} ${zone}`);
}

function formatZone(zoneMinutes: number): string {
  const minutes = Math.abs(zoneMinutes);
  const digits = Math.trunc(minutes / 60) * 100 + (minutes % 60);
  return (zoneMinutes < 0 ? '-' : '+') + String(digits).padStart(4, '0');
}
