import { simpleParser } from 'mailparser';
import t from 'tap';
import { demoMessages } from '../../../server/demo/demo-messages.ts';

const now = Date.UTC(2026, 0, 31, 12, 0, 0, 500);

await t.test('the messages are of every kind, and a mail parser reads them', async (t) => {
  const messages = demoMessages(now);
  const parsed = await Promise.all(messages.map((message) => simpleParser(message.text)));
  t.strictSame(
    parsed.map((message) => message.subject),
    [
      'Welcome to Reprise',
      'Lunch on Thursday?',
      'The figures you asked for',
      'Grüße, привет, こんにちは',
      'Fwd: Minutes of the meeting',
    ],
  );
  t.match(parsed[0]?.text, /yours to try/);
  t.match(parsed[1]?.html, '<b>noon</b>');
  t.match(parsed[1]?.text, /noon/);
  t.match(parsed[2]?.text, '98 – 99 %.');
  t.match(parsed[2]?.attachments[0], { filename: 'figures.csv', contentType: 'text/csv' });
  t.match(parsed[2]?.attachments[0]?.content.toString(), /^month,.*\r\nJanuary,120000/);
  t.equal(parsed[3]?.from?.text, '"Zoë Müller" <zoe@example.de>');
  t.match(parsed[3]?.text, 'Привет, мир. こんにちは世界。 🌍');
  t.match(parsed[4]?.text, /whole message is inside/);
  t.match(parsed[4]?.text, /memory comes back/, 'the message inside it too');
});

await t.test('they are on the wire as mail is, with dates in the past, in order', async (t) => {
  let before = 0;
  for (const { text, epochMs } of demoMessages(now)) {
    t.notMatch(text, /(?<!\r)\n|\r(?!\n)/, 'every line ends in CRLF');
    t.ok(text.split('\r\n').every((line) => line.length <= 998));
    t.match(text, /^[\0-\x7f]*$/, 'seven bits');
    t.equal(epochMs % 1000, 0);
    t.ok(epochMs > before && epochMs < now);
    t.equal(Date.parse(/^Date: (.*)\r$/m.exec(text)?.[1] ?? ''), epochMs);
    before = epochMs;
  }
});
