import type { InternalDate } from '../../protocol/dates.ts';
import {
  datePatterns,
  mailDatePattern,
  makeDate,
  monthOf,
  parseMailDate,
  readMailDate,
} from '../../protocol/mime/mail-date.ts';

const { month, time, zone } = datePatterns;

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
const mailDateLine = new RegExp(fromLineStart + mailDatePattern + fromLineEnd, 'i');
const bareLine = /^From \s*$/;

/** Programs that know no date of arrival write the epoch. */
const noDate: InternalDate = { epochMs: 0, zoneMinutes: 0 };

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
    return notBefore1970(
      makeDate(
        [Number(year), monthOf(monthName), Number(day)],
        [Number(hour), Number(minute), Number(second ?? 0)],
        zoneAfter ?? zoneBefore,
      ),
    );
  }
  const match = mailDateLine.exec(line);
  return match === null ? undefined : notBefore1970(readMailDate(match));
}

function notBefore1970(date: InternalDate | undefined): InternalDate | undefined {
  return date === undefined || date.epochMs >= 0 ? date : noDate;
}

/** The date of a Date field; undefined if it cannot be read, or is before 1970. @see RFC 5322, section 3.3 */
export function parseDateField(text: string): InternalDate | undefined {
  const date = parseMailDate(text);
  return date !== undefined && date.epochMs >= 0 ? date : undefined;
}
