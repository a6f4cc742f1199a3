import { monthNames, type InternalDate } from '../../protocol/dates.ts';

const months = monthNames.map((name) => name.toLowerCase());
const month = `(${months.join('|')})[a-z]*`;
const time = String.raw`(\d{1,2}):(\d{2})(?::(\d{2}))?`;
const zone = String.raw`([+-]\d{4}|[a-z]{1,5})`;

/** `5 Mar 2024 12:00:00 +0100`. */
const mailDate = String.raw`(\d{1,2})[\s-]+${month}[\s-]+(\d{2,4})\s+${time}(?:\s*${zone})?`;
const mailPattern = new RegExp(String.raw`\b${mailDate}`, 'i');

/** `Mar  5 12:00:00 2024`, as asctime writes it; a zone may stand before or after the year, also as in `MET DST`. */
const asctimeDate = String.raw`${month} +(\d{1,2}) +${time}(?: +${zone}(?: DST)?)? +(\d{4})(?: +${zone})?`;

/**
 * A sender: none; a word, which in quotes may have spaces; `a at example.com`, as archives of Mailman have it; or words of
 * which the last has an "@".
 */
const sender = String.raw`(?:(?:"(?:[^"\\]|\\.)*"|[^\s"])\S*|\S+ at \S+|\S[^@]* \S*@\S*)?`;

/**
 * A From_ line has a sender and a date with its weekday, and ends with it: Dovecot, mutt, Thunderbird until 2023, procmail and
 * Python's mailbox write so, and UUCP adds `remote from host`. Thunderbird since 2023 writes `From ` and nothing else.
 *
 * @see RFC 4155, appendix A
 */
const fromLineStart = String.raw`^From +${sender} *\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? +`;
const fromLineEnd = String.raw`(?: +remote from \S+)?\s*$`;
const asctimeLine = new RegExp(fromLineStart + asctimeDate + fromLineEnd, 'i');
const mailDateLine = new RegExp(fromLineStart + mailDate + fromLineEnd, 'i');
const bareLine = /^From \s*$/;

/** Programs that know no date of arrival write the epoch. */
const noDate: InternalDate = { epochMs: 0, zoneMinutes: 0 };

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
 * The date of a line that begins a message of an mbox: UTC if it names no zone, 1970 if it has none. Undefined if the line is
 * text.
 *
 * @see RFC 4155, appendix A
 */
export function parseFromLine(line: string): InternalDate | undefined {
  if (!line.startsWith('From ')) return undefined;
  if (bareLine.test(line)) return noDate;
  const asctime = asctimeLine.exec(line);
  if (asctime !== null) {
    const [, monthName = '', day, hour, minute, second, zoneBefore, year, zoneAfter] = asctime;
    return makeDate(
      [Number(year), monthOf(monthName), Number(day)],
      [Number(hour), Number(minute), Number(second ?? 0)],
      zoneAfter ?? zoneBefore,
    );
  }
  return mailDateOf(mailDateLine.exec(line));
}

/** The date of a Date field; undefined if it cannot be read. @see RFC 5322, section 3.3 */
export function parseMailDate(text: string): InternalDate | undefined {
  const date = mailDateOf(mailPattern.exec(text));
  return date === noDate ? undefined : date;
}

function mailDateOf(match: RegExpExecArray | null): InternalDate | undefined {
  if (match === null) return undefined;
  const [, day, monthName = '', year = '', hour, minute, second, zoneText] = match;
  return makeDate(
    [fullYear(year), monthOf(monthName), Number(day)],
    [Number(hour), Number(minute), Number(second ?? 0)],
    zoneText,
  );
}

/** Undefined if there is no such day or time; {@link noDate} if it is before 1970. */
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
  return epochMs >= 0 ? { epochMs, zoneMinutes } : noDate;
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
