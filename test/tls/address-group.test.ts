import t from 'tap';
import { addressGroup } from '../../tls/address-group.ts';

void t.test('addressGroup takes IPv4 as it is and IPv6 by its /64', async (t) => {
  const groups: Record<string, string> = {
    '192.0.2.1': '192.0.2.1',
    '::ffff:192.0.2.1': '192.0.2.1',
    '::FFFF:192.0.2.1': '192.0.2.1',
    '::1': '0:0:0:0::/64',
    '::': '0:0:0:0::/64',
    '2001:db8::1': '2001:db8:0:0::/64',
    '2001:db8::': '2001:db8:0:0::/64',
    '2001:DB8:0:0:ffff::2': '2001:db8:0:0::/64',
    '2001:0db8:1:2:3:4:5:6': '2001:db8:1:2::/64',
    '2001:db8:1::3:4:5:6': '2001:db8:1:0::/64',
    'fe80::1%eth0': 'fe80:0:0:0::/64',
    '64:ff9b::192.0.2.33': '64:ff9b:0:0::/64',
    '1:2:3::4:5:192.0.2.33': '1:2:3:0::/64',
    '': '',
    'not an address': 'not an address',
  };
  for (const [address, group] of Object.entries(groups)) {
    t.equal(addressGroup(address), group, address);
  }
});
