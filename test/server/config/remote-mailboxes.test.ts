import t from 'tap';
import {
  formatRemoteMailboxes,
  parseRemoteMailboxes,
} from '../../../server/config/remote-mailboxes.ts';

await t.test('mailboxes on other servers', (t) => {
  const text = 'imap://server2/Public%20Folders imap://all;AUTH=*@server3:1143/a/b%5D';
  const mailboxes = parseRemoteMailboxes(` ${text} `);
  t.same(mailboxes, [
    { server: { host: 'server2' }, mailboxName: 'Public Folders' },
    { server: { host: 'server3', port: 1143, userName: 'all' }, mailboxName: 'a/b]' },
  ]);
  t.equal(formatRemoteMailboxes(mailboxes), text);
  t.same(parseRemoteMailboxes(''), []);
  for (const [item, problem] of [
    ['imap://server2/', /must be imap:/],
    ['imap://server2/a;UIDVALIDITY=1', /must be imap:/],
    ['imap://[::1]/a', /must be imap:/],
    ['imap://server2/inbox', /has its INBOX here/],
    ['imap://server2/a%2F', /empty level/],
    ['imap://server2/a%0D%0Ab', /control characters/],
  ] as const) {
    t.throws(() => parseRemoteMailboxes(item), { message: problem }, item);
  }
  t.end();
});
