import t from 'tap';
import { listCapabilities } from '../../protocol/capability.ts';

const common =
  'IMAP4rev1 LITERAL+ IDLE NAMESPACE UIDPLUS UNSELECT MOVE ID ENABLE CHILDREN SPECIAL-USE CONDSTORE';

await t.test('listCapabilities', (t) => {
  const list = (
    isEncrypted: boolean,
    isAuthenticated: boolean,
    canStartTls: boolean,
    canLogin: boolean,
    hasCertificate = false,
  ) =>
    listCapabilities({
      isEncrypted,
      isAuthenticated,
      canStartTls,
      canLogin,
      hasCertificate,
    }).join(' ');
  t.equal(list(false, false, true, false), `${common} SASL-IR STARTTLS LOGINDISABLED`, 'on 143');
  t.equal(
    list(true, false, true, true),
    `${common} SASL-IR AUTH=PLAIN AUTH=LOGIN`,
    'after STARTTLS',
  );
  t.equal(list(false, false, true, true), `${common} SASL-IR STARTTLS AUTH=PLAIN AUTH=LOGIN`);
  t.equal(list(false, false, false, false), `${common} SASL-IR LOGINDISABLED`);
  t.equal(
    list(true, false, true, true, true),
    `${common} SASL-IR AUTH=PLAIN AUTH=LOGIN AUTH=EXTERNAL`,
    'with a certificate',
  );
  t.equal(list(true, true, false, true, true), common, 'after login');
  t.end();
});
