import t from 'tap';
import { encodeUrlForCode, parseMessageUrl } from '../../protocol/imap-url.ts';

const whole = { part: [], text: { kind: 'all' } };

await t.test('messages and parts of the account (RFC 5092, sections 6 and 7.1)', (t) => {
  for (const [url, expected] of [
    ['/Drafts/;UID=20', { mailboxName: 'Drafts', uid: 20, section: whole }],
    [
      '/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER',
      {
        mailboxName: 'Drafts',
        uidValidity: 385759045,
        uid: 20,
        section: { part: [], text: { kind: 'header' } },
      },
    ],
    [
      '/inbox;uidvalidity=1/;uid=4294967295/;Section=1.5.MIME',
      {
        mailboxName: 'INBOX',
        uidValidity: 1,
        uid: 4294967295,
        section: { part: [1, 5], text: { kind: 'mime' } },
      },
    ],
    [
      '/a/b/;UID=1/;SECTION=HEADER.FIELDS%20(From%20To)/;PARTIAL=10.100',
      {
        mailboxName: 'a/b',
        uid: 1,
        section: { part: [], text: { kind: 'header-fields', fieldNames: ['From', 'To'] } },
        partial: { offsetBytes: 10, countBytes: 100 },
      },
    ],
    [
      '/a/;UID=1/;PARTIAL=0',
      {
        mailboxName: 'a',
        uid: 1,
        section: whole,
        partial: { offsetBytes: 0, countBytes: Infinity },
      },
    ],
    [
      '/gr%C3%B6n%20&%2F%3B%25/;UID=1/;SECTION=2',
      { mailboxName: 'grön &/;%', uid: 1, section: { part: [2], text: { kind: 'all' } } },
    ],
  ] as const) {
    t.same(parseMessageUrl(url), expected, url);
  }
  t.end();
});

await t.test('everything else names nothing', (t) => {
  for (const url of [
    '',
    '/',
    '/INBOX',
    '/INBOX;UIDVALIDITY=1',
    'INBOX/;UID=1',
    ';UID=1',
    '//host/INBOX/;UID=1',
    'imap://joe@example.com/INBOX/;uid=20',
    '/INBOX/;UID=0',
    '/INBOX/;UID=4294967296',
    '/INBOX/;UID=1:2',
    '/INBOX/;UID=*',
    '/INBOX;UIDVALIDITY=0/;UID=1',
    '/INBOX/;UID=1/;SECTION=',
    '/INBOX/;UID=1/;SECTION=0',
    '/INBOX/;UID=1/;SECTION=1.',
    '/INBOX/;UID=1/;SECTION=MIME',
    '/INBOX/;UID=1/;SECTION=HEADER]',
    '/INBOX/;UID=1/;SECTION=HEADER.FIELDS (From)',
    '/INBOX/;UID=1/;PARTIAL=1.0',
    '/INBOX/;UID=1/;PARTIAL=9007199254740993',
    '/INBOX/;UID=1/;PARTIAL=0.1/;SECTION=1',
    '/INBOX/;UID=1/',
    '/INBOX/;UID=1?x',
    '/INBOX/;UID=1;URLAUTH=anonymous:INTERNAL:91354a473744909de610943775f92038',
    '/INB%OX/;UID=1',
    '/INB%ffOX/;UID=1',
    '/gr\xf6n/;UID=1',
    '/a b/;UID=1',
  ]) {
    t.equal(parseMessageUrl(url), undefined, url);
  }
  t.end();
});

await t.test('reading a URL takes time in proportion to its length', (t) => {
  t.equal(parseMessageUrl(`/${'/;UID=1/;SECTION='.repeat(4000)}`), undefined);
  t.equal(parseMessageUrl(`/${'a'.repeat(60_000)}`), undefined);
  t.end();
});

await t.test('a URL in a response code', (t) => {
  t.equal(encodeUrlForCode('/INBOX/;UID=1/;section=1.5'), '/INBOX/;UID=1/;section=1.5');
  t.equal(encodeUrlForCode('a]b"c\\d\r\n\xff '), 'a%5Db%22c%5Cd%0D%0A%FF%20');
  t.end();
});
