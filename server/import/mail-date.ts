import { monthNames, type InternalDate } from '../../protocol/dates.ts';

const months = monthNames.map((name) => name.toLowerCase());
const month = `(${months.join('|')})[a-z]*`;
const time = String.raw`(\d{1,2}):(\d{2})(?::(\d{2}))?`;
const zone = String.raw`([+-]\d{4}|[a-z]{1,5})`;

/** `Mar  5 12:00:00 2024`, as ctime writes it; a zone may stand before or after the year. */
const ctimePattern = new RegExp(
  String.raw`\b${month}\s+(\d{1,2})\s+${time}(?:\s+${zone})?\s+(\d{4})(?:\s+([+-]\d{4}))?`,
  'i',
);

/** `5 Mar 2024 12:00:00 +0100`. */
const mailPattern = new RegExp(
  String.raw`\b(\d{1,2})[\s-]+${month}[\s-]+(\d{2,4})\s+${time}(?:\s*${zone})?`,
  'i',
);

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

/**
 * The date of a From_ line of an mbox, UTC where it names no zone (RFC 4155). Undefined where the line has
 * none, and then it is no From_ line but text.
 */
export function parseFromLineDate(line: string): InternalDate | undefined {
  if (!line.startsWith('From ')) return undefined;
  const ctime = ctimePattern.exec(line);
  if (ctime === null) return parseMailDate(line);
  const [, monthName = '', day, hour, minute, second, zoneBefore, year, zoneAfter] = ctime;
  return makeDate(
    [Number(year), monthOf(monthName), Number(day)],
    [Number(hour), Number(minute), Number(second ?? 0)],
    zoneAfter ?? zoneBefore,
  );
}

/** The date of a Date field; undefined where it cannot be read. @see RFC 5322, section 3.3 */
export function parseMailDate(text: string): InternalDate | undefined {
  const match = mailPattern.exec(text);
  if (match === null) return undefined;
  const [, day, monthName = '', year = '', hour, minute, second, zoneText] = match;
  return makeDate(
    [fullYear(year), monthOf(monthName), Number(day)],
    [Number(hour), Number(minute), Number(second ?? 0)],
    zoneText,
  );
}

function makeDate(
  [year, monthIndex, day]: readonly [number, number, number],
  [hour, minute, second]: readonly [number, number, number],
  zoneText: string | undefined,
): InternalDate | undefined {
  const zoneMinutes = zoneMinutesOf(zoneText);
  // A leap second counts as the last one of its minute.
  const localMs = Date.UTC(year, monthIndex, day, hour, minute, Math.min(second, 59));
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  if (new Date(localMs).getUTCDate() !== day) return undefined;
  const epochMs = localMs - zoneMinutes * 60_000;
  return epochMs >= 0 ? { epochMs, zoneMinutes } : undefined;
}

function monthOf(name: string): number {
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
