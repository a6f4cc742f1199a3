// GNU SASL as a client: its own SCRAM, and the channel bindings of GnuTLS.
import { join } from 'node:path';
import t from 'tap';
import { clientPath, skipWithout } from '../fixtures/clients.ts';
import { alice, startMailServer } from '../fixtures/mail-server.ts';
import { runProgram } from '../fixtures/run-program.ts';

const skip = skipWithout('gsasl');
const server = await startMailServer(t);

/** Logs in after STARTTLS; what gsasl has printed. */
async function logIn(mechanism: string, ...options: readonly string[]) {
  const ca = join(server.process.dataDirectory, 'tls', 'certificate.pem');
  const argv = ['--imap', '-m', mechanism, '-a', alice.name, '--x509-ca-file', ca, ...options];
  const { code, stdout, stderr } = await runProgram(clientPath('gsasl'), [
    ...argv,
    'localhost',
    String(server.process.imapPort),
  ]);
  return { code, text: stdout.toString('latin1') + stderr };
}

const right = ['-p', alice.password];
const logins: readonly (readonly [name: string, mechanism: string, options: readonly string[]])[] =
  [
    ['PLAIN', 'PLAIN', right],
    ['LOGIN', 'LOGIN', right],
    ['SCRAM-SHA-256', 'SCRAM-SHA-256', [...right, '--no-cb']],
    ['bound by tls-exporter', 'SCRAM-SHA-256-PLUS', right],
    [
      'bound by tls-unique (TLS 1.2)',
      'SCRAM-SHA-256-PLUS',
      [...right, '--priority', 'NORMAL:-VERS-TLS1.3'],
    ],
  ];

for (const [name, mechanism, options] of logins) {
  await t.test(`gsasl logs in: ${name}`, { skip }, async (t) => {
    const { code, text } = await logIn(mechanism, ...options);
    t.match(text, /^\. OK \[CAPABILITY .*\] Logged in/m);
    t.match(text, 'Client authentication finished (server trusted)');
    t.equal(code, 0);
  });
}

await t.test('gsasl is refused with a wrong password', { skip }, async (t) => {
  for (const mechanism of ['SCRAM-SHA-256-PLUS', 'PLAIN']) {
    const { code, text } = await logIn(mechanism, '-p', 'wrong');
    t.match(text, /^\. NO \[AUTHENTICATIONFAILED\]/m);
    t.not(code, 0);
  }
});
