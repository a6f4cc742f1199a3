import t from 'tap';
import { formatElsewhere, parseElsewhere } from '../../../server/config/elsewhere.ts';

await t.test('accounts elsewhere', (t) => {
  const accounts = parseElsewhere(
    ' Alice=imap://a%20b;AUTH=*@mail2.example.com/  bob=x,y=IMAP://mail3.example.com:1143 ',
  );
  t.same(
    accounts,
    new Map([
      ['alice', { host: 'mail2.example.com', userName: 'a b' }],
      ['bob=x,y', { host: 'mail3.example.com', port: 1143, userName: 'bob=x,y' }],
    ]),
  );
  const shown = formatElsewhere(accounts);
  t.equal(
    shown,
    'alice=imap://a%20b;AUTH=*@mail2.example.com/ bob=x,y=imap://bob%3Dx%2Cy;AUTH=*@mail3.example.com:1143/',
  );
  t.same(parseElsewhere(shown), accounts);
  t.same(parseElsewhere(''), new Map());
  t.equal(formatElsewhere(new Map()), '');
  for (const [text, problem] of [
    ['alice', /must be ACCOUNT=imap:.* but has "alice"/],
    ['imap://host/', /must be ACCOUNT=imap/],
    ['alice=http://host/', /must be ACCOUNT=imap/],
    ['alice=imap://[::1]/', /IPv4 address/],
    ['=imap://host/', /which names no account/],
    ['a/b=imap://host/', /which names no account/],
    ['a=imap://x/ A=imap://y/', /has the account "A" twice/],
  ] as const) {
    t.throws(() => parseElsewhere(text), { message: problem }, text);
  }
  t.end();
});
