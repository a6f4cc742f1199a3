// What a client sees whose certificate is not taken: an alert, or an answer and close_notify, never a bare end of file.
import t from 'tap';
import { authority, startWithCertificates, stranger } from '../../fixtures/certificate-setting.ts';
import { converse } from '../../fixtures/converse.ts';
import type { IssuedCertificate } from '../../fixtures/test-authority.ts';

const hourMs = 60 * 60 * 1000;

const bad = {
  'of another authority': await stranger.issue(),
  'that has expired': await authority.issue({ notAfter: new Date(Date.now() - hourMs) }),
  'for servers': await authority.issue({ usage: '1.3.6.1.5.5.7.3.1' }),
};

const versions = { '-tls1_2': 'handshake failure', '-tls1_3': 'certificate required' } as const;

/** What `openssl s_client` says until it ends. */
function visit(port: number, options: readonly string[]): Promise<string> {
  return converse('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...options], {
    // It leaves by itself.
    isDone: () => true,
    leave: () => {},
  });
}

void t.test('a client without a certificate gets the alert that fits', async (t) => {
  for (const [version, alert] of Object.entries(versions)) {
    const { server } = await startWithCertificates(t, { isRequired: true });
    const told = await visit(server.port, [version]);
    t.match(told, `alert ${alert}`, version);
    t.notMatch(told, 'unexpected eof');
    await server.event(({ kind }) => kind === 'failure');
    const message = 'Cannot take the client certificate: there is none';
    t.match(server.events, [
      { kind: 'failure', code: 'CLIENT_CERTIFICATE_REFUSED', error: { message } },
    ]);
  }
});

const badCertificateAnswer = '* BYE Not valid here\r\n';

for (const [name, { cert, key }] of Object.entries<IssuedCertificate>(bad)) {
  void t.test(`a client with a certificate ${name} is told so`, async (t) => {
    const directory = t.testdir({ 'cert.pem': cert, 'key.pem': key });
    const files = ['-cert', `${directory}/cert.pem`, '-key', `${directory}/key.pem`];
    for (const version of Object.keys(versions)) {
      const policy = { isRequired: true };
      const { server } = await startWithCertificates(t, policy, { badCertificateAnswer });
      const told = await visit(server.port, [version, ...files, '-msg']);
      t.match(told, badCertificateAnswer.trim(), version);
      t.match(told, /^<<< .*Alert.*, warning close_notify/m, version);
      t.notMatch(told, 'unexpected eof');
      await server.event(({ kind }) => kind === 'failure');
      t.match(server.events, [{ kind: 'failure', code: 'CLIENT_CERTIFICATE_REFUSED' }]);
      t.equal(server.connections.size, 0);
    }
  });
}
