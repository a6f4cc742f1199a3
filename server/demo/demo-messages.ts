import type { Flag } from '../../protocol/flag.ts';

/** A message that the demo account begins with. */
export interface DemoMessage {
  /** The message as it is on the wire: UTF-8, lines end in CRLF. */
  readonly text: string;
  readonly flags: readonly Flag[];
  /** Whole seconds, in milliseconds since 1970. */
  readonly epochMs: number;
}

const hourMs = 60 * 60 * 1000;

/** One message of each kind that a mail client must show: oldest first, the last one new. */
export function demoMessages(nowMs: number): readonly DemoMessage[] {
  const kinds: [build: (date: string) => string[], flags: readonly Flag[]][] = [
    [plainText, ['\\Seen']],
    [htmlWithAlternative, ['\\Seen', '\\Answered']],
    [withAttachment, ['\\Flagged']],
    [nonAscii, []],
    [forwarded, []],
  ];
  return kinds.map(([build, flags], index) => {
    const ageMs = (kinds.length - index) * 7 * hourMs;
    const epochMs = Math.floor((nowMs - ageMs) / 1000) * 1000;
    const date = new Date(epochMs).toUTCString().replace('GMT', '+0000');
    return { text: `${build(date).join('\r\n')}\r\n`, flags, epochMs };
  });
}

function header(date: string, from: string, subject: string, id: string): string[] {
  return [
    `Date: ${date}`,
    `From: ${from}`,
    'To: Demo <demo@example.com>',
    `Subject: ${subject}`,
    `Message-ID: <${id}.demo@example.com>`,
    'MIME-Version: 1.0',
  ];
}

function plainText(date: string): string[] {
  return [
    ...header(date, 'Reprise <postmaster@example.com>', 'Welcome to Reprise', 'welcome'),
    'Content-Type: text/plain; charset=utf-8',
    '',
    'Hello,',
    '',
    'this mailbox is yours to try: read, search, flag, move and delete as you like.',
    'A client connects over TLS from the first byte, or in the clear and then uses STARTTLS.',
    '',
    'Close your mail client and open it again: the second TLS handshake is a short one,',
    'because the server remembers the session of the first.',
    '',
    'To start over, stop the server, remove its data directory and start it again.',
  ];
}

function htmlWithAlternative(date: string): string[] {
  return [
    ...header(date, 'Alma Fischer <alma@example.net>', 'Lunch on Thursday?', 'lunch'),
    'Content-Type: multipart/alternative; boundary="alternative"',
    '',
    '--alternative',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    'Shall we meet at noon, at the place by the river?',
    '',
    '--alternative',
    'Content-Type: text/html; charset=us-ascii',
    '',
    '<!doctype html>',
    '<p>Shall we meet at <b>noon</b>, at the place by the <i>river</i>?</p>',
    '',
    '--alternative--',
  ];
}

function withAttachment(date: string): string[] {
  const table = 'month,connections,resumed\r\nJanuary,120000,118211\r\nFebruary,131000,129307\r\n';
  return [
    ...header(date, 'Bruno Keller <bruno@example.org>', 'The figures you asked for', 'figures'),
    'Content-Type: multipart/mixed; boundary="mixed"',
    '',
    '--mixed',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    'The table is attached. Nearly every connection resumes, which is =',
    'what we hoped for: 98 =E2=80=93 99 %.',
    '',
    '--mixed',
    'Content-Type: text/csv; charset=us-ascii; name="figures.csv"',
    'Content-Disposition: attachment; filename="figures.csv"',
    'Content-Transfer-Encoding: base64',
    '',
    ...base64Lines(table),
    '',
    '--mixed--',
  ];
}

function nonAscii(date: string): string[] {
  const from = `${encodedWord('Zoë Müller')} <zoe@example.de>`;
  const body = 'Grüße aus Zürich!\r\n\r\nПривет, мир. こんにちは世界。 🌍\r\n';
  return [
    ...header(date, from, encodedWord('Grüße, привет, こんにちは'), 'greetings'),
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
    '',
    ...base64Lines(body),
  ];
}

function forwarded(date: string): string[] {
  return [
    ...header(date, 'Alma Fischer <alma@example.net>', 'Fwd: Minutes of the meeting', 'minutes'),
    'Content-Type: multipart/mixed; boundary="outer"',
    '',
    '--outer',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    'The whole message is inside this one.',
    '',
    '--outer',
    'Content-Type: message/rfc822',
    'Content-Disposition: inline',
    '',
    ...header(date, 'Carla Novak <carla@example.com>', 'Minutes of the meeting', 'inner'),
    'Content-Type: multipart/alternative; boundary="inner"',
    '',
    '--inner',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    '1. The cache expires. 2. The memory comes back. 3. Everybody goes home.',
    '',
    '--inner',
    'Content-Type: text/html; charset=us-ascii',
    '',
    '<ol><li>The cache expires.<li>The memory comes back.<li>Everybody goes home.</ol>',
    '',
    '--inner--',
    '',
    '--outer--',
  ];
}

/** Base64 in lines of 76 characters. @see RFC 2045, section 6.8 */
function base64Lines(text: string): string[] {
  return (
    Buffer.from(text)
      .toString('base64')
      .match(/.{1,76}/g) ?? []
  );
}

/** @see RFC 2047, section 4.1 */
function encodedWord(text: string): string {
  return `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`;
}
