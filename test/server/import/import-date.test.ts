import t from 'tap';
import { parseFromLine, parseDateField } from '../../../server/import/import-date.ts';

const noon = Date.UTC(2024, 2, 5, 12, 0, 0);

await t.test('dates of From_ lines', async (t) => {
  const cases: [string, number, number][] = [
    ['From a@example.com Tue Mar  5 12:00:00 2024', noon, 0],
    ['From - Tue Mar 05 12:00:00 2024', noon, 0],
    ['From a b@c Tue Mar  5 12:00 2024', noon, 0],
    ['From a@example.com Tue Mar  5 13:00:00 2024 +0100', noon, 60],
    ['From a@example.com Tue Mar  5 07:00:00 EST 2024', noon, -300],
    ['From a@example.com  Tue, 5 Mar 2024 13:00:00 +0100', noon, 60],
    ['From MAILER-DAEMON Tue Mar  5 12:00:00 2024 remote from mars\n', noon, 0],
    // mutt, of a message without a sender, and of one from an archive of Mailman.
    ['From Tue Mar  5 12:00:00 2024', noon, 0],
    ['From me at example.com  Tue Mar  5 12:00:00 2024', noon, 0],
    ['From "a b"@example.com Tue Mar  5 12:00:00 2024', noon, 0],
    ['From tue Tue Mar  5 12:00:00 2024', noon, 0],
    // Eudora, Gmail's export, c-client in summer.
    ['From ???@??? Tue Mar 05 12:00:00 2024', noon, 0],
    ['From 1234567@xxx Tue Mar 05 12:00:00 +0000 2024', noon, 0],
    ['From a@b Tue Mar  5 12:00:00 MET DST 2024', noon, 0],
    // Thunderbird since 2023, and a date that is none.
    ['From \r\n', 0, 0],
    ['From - Thu Jan  1 00:00:00 1970 +0100', 0, 0],
  ];
  for (const [line, epochMs, zoneMinutes] of cases) {
    t.strictSame(parseFromLine(line), { epochMs, zoneMinutes }, line);
  }
});

await t.test('lines that are text', async (t) => {
  for (const line of [
    'From here on, everything is fine',
    'From 5 March 2024 12:00 on we were friends.',
    'From 5 March 2024 12:00',
    'From a@b Tue Mar  5 12:00:00 2024 on we were friends',
    'From then on Tue Mar  5 12:00:00 2024',
    'From',
    'From me to you, on Mar 5 at noon',
    'From a Tue Mar 32 12:00:00 2024',
    'From a Tue Feb 30 12:00:00 2024',
    'From a Tue Mar  5 24:00:00 2024',
    'from a Tue Mar  5 12:00:00 2024',
    ' From a Tue Mar  5 12:00:00 2024',
  ]) {
    t.equal(parseFromLine(line), undefined, line);
  }
});

await t.test('dates of Date fields', async (t) => {
  const cases: [string, number, number][] = [
    ['Tue, 5 Mar 2024 13:00:00 +0100', noon, 60],
    ['5 Mar 2024 12:00 GMT', noon, 0],
    ['5 Mar 24 12:00:00 +0000', noon, 0],
    ['05-Mar-2024 12:00:00 -0000', noon, 0],
    ['Tue, 05 Mar 2024 04:00:00 PST (Pacific)', noon, -480],
    ['5 March 2024 12:00:00 NOWHERE', noon, 0],
    ['1 Jan 99 00:00:00 +0000', Date.UTC(1999, 0, 1), 0],
    ['1 Jan 2024 00:00:60 +0000', Date.UTC(2024, 0, 1, 0, 0, 59), 0],
    ['1 Jan 2024 00:00:00 +9999', Date.UTC(2024, 0, 1), 0],
  ];
  for (const [text, epochMs, zoneMinutes] of cases) {
    t.strictSame(parseDateField(text), { epochMs, zoneMinutes }, text);
  }
  for (const text of ['', 'yesterday', '5 Mar 2024', '1 Jan 1960 00:00:00 +0000']) {
    t.equal(parseDateField(text), undefined, text);
  }
});
