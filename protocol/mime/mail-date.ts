import { monthNames, type InternalDate } from '../dates.ts';

const months = monthNames.map((name) => name.toLowerCase());

/** Patterns of what dates of mail are made of, without regard to case; each has its groups, a time three. */
export const datePatterns = {
  month: `(${months.join('|')})[a-z]*`,
  time: String.raw`(\d{1,2}):(\d{2})(?::(\d{2}))?`,
  zone: String.raw`([+-]\d{4}|[a-z]{1,5})`,
} as const;

const { month, time, zone } = datePatterns;

/** `5 Mar 2024 12:00:00 +0100`; {@link readMailDate} takes its match. */
export const mailDatePattern = String.raw`(\d{1,2})[\s-]+${month}[\s-]+(\d{2,4})\s+${time}(?:\s*${zone})?`;

const anyMailDate = new RegExp(String.raw`\b${mailDatePattern}`, 'i');

/** Minutes east of UTC of the zones with names. @see RFC 5322, section 4.3 */
const namedZones: Readonly<Record<string, number>> = {
  EDT: -240,
  EST: -300,
  CDT: -300,
  CST: -360,
  MDT: -360,
  MST: -420,
  PDT: -420,
  PST: -480,
};

/** The date of a Date field; undefined if it cannot be read. @see RFC 5322, section 3.3 */
export function parseMailDate(text: string): InternalDate | undefined {
  const match = anyMailDate.exec(text);
  return match === null ? undefined : readMailDate(match);
}

/** The date of a match that ends with those of {@link mailDatePattern}; undefined if there is no such day or time. */
export function readMailDate(match: RegExpExecArray): InternalDate | undefined {
  const [, day, monthName = '', year = '', hour, minute, second, zoneText] = match;
  return makeDate(
    [fullYear(year), monthOf(monthName), Number(day)],
    [Number(hour), Number(minute), Number(second ?? 0)],
    zoneText,
  );
}

/**
 * Undefined if there is no such day or time.
 *
 * @param day - year, month from 0, day
 * @param time - hour, minute, second
 * @param zoneText - a zone that is not known, and none, count as UTC
 */
export function makeDate(
  [year, monthIndex, day]: readonly [number, number, number],
  [hour, minute, second]: readonly [number, number, number],
  zoneText: string | undefined,
): InternalDate | undefined {
  const zoneMinutes = zoneMinutesOf(zoneText);
  // A leap second counts as the last one of its minute.
  const localMs = Date.UTC(year, monthIndex, day, hour, minute, Math.min(second, 59));
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  if (new Date(localMs).getUTCDate() !== day) return undefined;
  return { epochMs: localMs - zoneMinutes * 60_000, zoneMinutes };
}

/** The number of a month by its name, from 0. */
export function monthOf(name: string): number {
  return months.indexOf(name.slice(0, 3).toLowerCase());
}

/** Years of two and three digits as RFC 5322, section 4.3 reads them. */
function fullYear(text: string): number {
  const year = Number(text);
  if (text.length >= 4) return year;
  return text.length === 2 && year < 50 ? 2000 + year : 1900 + year;
}

/** A zone that is not known counts as UTC. */
function zoneMinutesOf(text: string | undefined): number {
  const numeric = /^([+-])(\d\d)(\d\d)$/.exec(text ?? '');
  if (numeric === null) return namedZones[text?.toUpperCase() ?? ''] ?? 0;
  const minutes = Number(numeric[2]) * 60 + Number(numeric[3]);
  if (Number(numeric[2]) > 23 || Number(numeric[3]) > 59) return 0;
  return numeric[1] === '-' ? -minutes : minutes;
}
