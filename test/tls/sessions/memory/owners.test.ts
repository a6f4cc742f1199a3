import t from 'tap';
import {
  AddressShares,
  noAddress,
  noOwner,
  OwnerTable,
} from '../../../../tls/sessions/memory/owners.ts';

void t.test('OwnerTable numbers those who own something, and forgets the others', async (t) => {
  const owners = new OwnerTable();
  const alice = owners.acquire('alice');
  t.not(alice, noOwner);
  t.equal(owners.acquire('alice'), alice);
  t.not(owners.acquire('bob'), alice);
  t.equal(owners.acquire(undefined), noOwner);
  t.equal(owners.size, 2);
  owners.release(alice);
  t.equal(owners.size, 2);
  owners.release(alice);
  t.equal(owners.size, 1);
  owners.release(alice);
  owners.release(noOwner);
  t.equal(owners.size, 1);
});

void t.test('OwnerTable parts a retired number from its name', async (t) => {
  const owners = new OwnerTable();
  const old = owners.acquire('alice');
  owners.acquire('alice');
  t.equal(owners.retire('nobody'), 0);
  t.equal(owners.retire('alice'), 2);
  t.equal(owners.retire('alice'), 0);
  t.equal(owners.isRetired(old), true);
  const fresh = owners.acquire('alice');
  t.not(fresh, old);
  t.equal(owners.isRetired(fresh), false);
  owners.release(old);
  owners.release(old);
  t.equal(owners.isRetired(old), false);
  t.equal(
    owners.acquire('alice'),
    fresh,
    'the end of the old number takes nothing from the new one',
  );
  t.equal(owners.retire('alice'), 2);
  owners.clear();
  t.equal(owners.size, 0);
});

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
