import t from 'tap';
import { formatListenAddress, parseListenAddress } from '../../../server/config/listen-address.ts';

const defaultHost = '127.0.0.1';

await t.test('a port alone, or with an address, and back', async (t) => {
  const cases = [
    ['9143', { host: defaultHost, port: 9143 }],
    ['0', { host: defaultHost, port: 0 }],
    ['-1', { host: defaultHost, port: -1 }],
    ['0.0.0.0:80', { host: '0.0.0.0', port: 80 }],
    ['[::1]:9143', { host: '::1', port: 9143 }],
  ] as const;
  for (const [text, address] of cases) {
    t.strictSame(parseListenAddress(text, defaultHost), address, text);
    t.equal(formatListenAddress(address, defaultHost), text);
  }
});

await t.test('anything else is refused', async (t) => {
  for (const text of ['', 'x', '-2', '65536', '::1:80', '1.2.3:80', '[::g]:80', 'host:80', ':80']) {
    t.equal(parseListenAddress(text, defaultHost), undefined, text);
  }
});
