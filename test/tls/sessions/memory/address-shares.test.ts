import t from 'tap';
import { AddressShares, noAddress } from '../../../../tls/sessions/memory/address-shares.ts';

void t.test('AddressShares counts for each address, in a fixed number of counters', async (t) => {
  const shares = new AddressShares();
  const counter = shares.counterOf('192.0.2.1');
  t.equal(shares.counterOf('::ffff:192.0.2.1'), counter);
  t.equal(shares.counterOf('2001:db8::1'), shares.counterOf('2001:db8::2'));
  t.equal(shares.counterOf(undefined), noAddress);
  shares.add(counter, 100);
  shares.add(counter, -30);
  t.equal(shares.bytes(counter), 70);
  const counters = new Set<number>();
  for (let i = 0; i < 20_000; i++) counters.add(shares.counterOf(`10.0.${i >> 8}.${i & 255}`));
  t.ok(counters.size > 3_900 && counters.size < 4_096, `${counters.size} counters`);
  t.notOk(counters.has(noAddress));
  shares.clear();
  t.equal(shares.bytes(counter), 0);
});

void t.test('AddressShares mixes addresses differently each time', async (t) => {
  const counters = Array.from({ length: 8 }, () => new AddressShares().counterOf('192.0.2.1'));
  t.ok(new Set(counters).size > 1);
});
