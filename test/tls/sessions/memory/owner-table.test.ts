import t from 'tap';
import { noOwner, OwnerTable } from '../../../../tls/sessions/memory/owner-table.ts';

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
