import t from 'tap';
import { callInThread } from '../../../server/threads/call-in-thread.ts';

await t.test('returns what the function returns', async (t) => {
  const configuration = await callInThread('readConfiguration', {
    environment: { REPRISE_DATA: '/mail', REPRISE_LOG_LEVEL: 'warn' },
  });
  t.match(configuration, { dataDirectory: '/mail', logLevel: 'warn' });
  const { cert, key } = await callInThread('makeSelfSignedCertificate', {
    hostNames: ['localhost'],
  });
  t.match(cert, /^-----BEGIN CERTIFICATE-----/);
  t.match(key, /^-----BEGIN PRIVATE KEY-----/);
});

await t.test('rejects with what the function throws, properties included', async (t) => {
  const environment = { REPRISE_IMAP_PORT: 'x', REPRISE_WORKERS: 'many' };
  const error: unknown = await callInThread('readConfiguration', { environment }).catch(
    (error: unknown) => error,
  );
  t.ok(error instanceof Error);
  t.match(error, { problems: [/REPRISE_IMAP_PORT="x"/, /REPRISE_WORKERS="many"/] });
});
