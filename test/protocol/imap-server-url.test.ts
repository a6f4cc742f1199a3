import t from 'tap';
import { formatServerUrl, parseServerUrl } from '../../protocol/imap-server-url.ts';

await t.test('URLs of servers', (t) => {
  t.same(parseServerUrl('imap://mike;AUTH=*@server2/'), { host: 'server2', userName: 'mike' });
  t.same(parseServerUrl('IMAP://mike;auth=gssapi@Server2.Example:1143/'), {
    host: 'server2.example',
    port: 1143,
    userName: 'mike',
    mechanism: 'GSSAPI',
  });
  t.same(parseServerUrl('imap://192.0.2.1'), { host: '192.0.2.1' });
  t.same(parseServerUrl('imap://J%C3%BCrgen%40x%3B@h/'), { host: 'h', userName: 'Jürgen@x;' });
  for (const text of [
    '',
    'imap:///',
    'imaps://host/',
    'http://host/',
    'imap://host/INBOX',
    'imap://host:0/',
    'imap://host:65536/',
    'imap://[::1]/',
    'imap://a b@host/',
    'imap://a;AUTH=@host/',
    'imap://a%@host/',
    'imap://%FF@host/',
    'imap://host]/',
    'imap://host/\r\n* BYE',
    'imap://ho\r\nst/',
    'imap://-host/',
  ]) {
    t.equal(parseServerUrl(text), undefined, JSON.stringify(text));
  }
  t.end();
});

await t.test('whatever a user is called, the URL can stand in a response code', (t) => {
  t.equal(formatServerUrl({ host: 'server2' }), 'imap://server2/');
  t.equal(
    formatServerUrl({ host: 'server2', port: 1143, userName: 'mike', mechanism: 'GSSAPI' }),
    'imap://mike;AUTH=GSSAPI@server2:1143/',
  );
  const every = Array.from({ length: 0x300 }, (_, code) => String.fromCharCode(code)).join('');
  const url = formatServerUrl({ host: 'h', userName: `${every}\u{1f600}` });
  t.match(url, /^imap:\/\/[A-Za-z0-9%._~-]+;AUTH=\*@h\/$/);
  t.equal(parseServerUrl(url)?.userName, `${every}\u{1f600}`.normalize('NFC'));
  t.match(formatServerUrl({ host: 'h', userName: '\ud800' }), '%EF%BF%BD', 'half a character');
  t.end();
});
