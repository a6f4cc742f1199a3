import { resolve } from 'node:path';
import t from 'tap';
import { describeDemo } from '../../../server/demo/describe-demo.ts';
import { readConfiguration } from '../../../server/config/read-configuration.ts';

function describe(environment: Record<string, string>, imapPort: number, imapsPort: number) {
  const configuration = readConfiguration({ environment });
  return describeDemo({ configuration, imapPort, imapsPort, password: 'secret' });
}

await t.test('the lines name what is in effect', async (t) => {
  t.match(
    describe({}, 143, 993),
    /--cacert data\/tls\/certificate.pem -u demo:secret 'imaps:\/\/localhost:993\//,
  );
  t.match(describe({ REPRISE_DATA: '/srv/my mail' }, 1, 2), "'/srv/my mail/tls/certificate.pem'");
  t.match(describe({ REPRISE_DATA: '..' }, 1, 2), resolve('..', 'tls'));
  const withDirectory = "REPRISE_DATA='/srv/my mail' npm run -s reprise -- user add alice";
  t.match(describe({ REPRISE_DATA: '/srv/my mail' }, 1, 2), withDirectory);
  t.notMatch(describe({}, 1, 2), 'REPRISE_DATA');
  const own = describe({ REPRISE_TLS_CERT: 'a', REPRISE_TLS_KEY: 'b' }, 143, 993);
  t.notMatch(own, '--cacert');
  t.notMatch(own, 'self-signed');
  const plain = describe({ REPRISE_IMAPS_PORT: '-1' }, 1143, -1);
  t.match(plain, /curl .*--ssl-reqd .*'imap:\/\/localhost:1143/);
  t.match(plain, '-starttls imap');
  t.match(plain, 'STARTTLS, normal password');
  t.match(describe({ REPRISE_HOST: '192.0.2.1' }, 143, 993), 'imaps://192.0.2.1:993');
  t.match(describe({ REPRISE_HOST: '::1' }, 143, 993), 'imaps://localhost:993');
});

await t.test('where accounts exist no password is shown', async (t) => {
  const configuration = readConfiguration({ environment: {} });
  const text = describeDemo({ configuration, imapPort: 143, imapsPort: 993, password: undefined });
  t.notMatch(text, 'password');
  t.match(text, 'user list');
});
