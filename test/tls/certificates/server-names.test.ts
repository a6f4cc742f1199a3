import t from 'tap';
import { makeSelfSignedCertificate } from '../../../tls/index.ts';
import {
  normalizeServerName,
  ServerNameTable,
  serverNamesOf,
} from '../../../tls/certificates/credentials.ts';

void t.test('names are compared without regard to case and to a dot at the end', async (t) => {
  t.equal(normalizeServerName('IMAP.Example.ORG.'), 'imap.example.org');
  t.not(normalizeServerName('imap.example.org'), normalizeServerName('imap.example.net'));
});

void t.test('ServerNameTable prefers the exact name, then the wildcard', async (t) => {
  const table = new ServerNameTable([
    { names: ['mail.example.org'], value: 'default' },
    { names: ['*.example.org', 'Example.NET'], value: 'wildcard' },
    { names: ['imap.example.org', 'mail.example.org'], value: 'exact' },
  ]);
  const wanted = {
    'mail.example.org': 'default',
    'imap.example.org': 'exact',
    'IMAP.Example.ORG': 'exact',
    'imap.example.org.': 'exact',
    'other.example.org': 'wildcard',
    'a.b.example.org': 'default',
    'example.org': 'default',
    'example.net': 'wildcard',
    'unknown.test': 'default',
    '': 'default',
  };
  for (const [name, value] of Object.entries(wanted)) t.equal(table.find(name), value, name);
  t.equal(table.find(undefined), 'default');
  t.throws(() => new ServerNameTable([]), RangeError);
});

void t.test('serverNamesOf reads the certificate unless it is told', async (t) => {
  const pair = await makeSelfSignedCertificate({ hostNames: ['*.example.org', 'example.org'] });
  const credential = { name: 'test', ...pair };
  t.same(serverNamesOf(credential), ['*.example.org', 'example.org']);
  t.same(serverNamesOf({ ...credential, serverNames: ['a.test'] }), ['a.test']);
});
