import { createPrivateKey, X509Certificate } from 'node:crypto';
import t from 'tap';
import { makeThrowAwayCredential } from '../../../tls/proof/throw-away-credential.ts';

await t.test('a certificate that is signed by itself, and its key', (t) => {
  const { cert, key } = makeThrowAwayCredential();
  const certificate = new X509Certificate(cert);
  t.equal(certificate.subject, 'CN=throw-away');
  t.ok(certificate.ca);
  t.ok(certificate.verify(certificate.publicKey), 'signed with its own key');
  t.ok(certificate.checkPrivateKey(createPrivateKey(key)), 'which is this one');
  t.equal(certificate.validFromDate.toISOString(), '1970-01-01T00:00:00.000Z');
  t.equal(certificate.validToDate.toISOString(), '9999-12-31T23:59:59.000Z');
  t.not(makeThrowAwayCredential().key, key, 'a new one each time');
  t.end();
});
