import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import t from 'tap';
import {
  ownerTagBytes,
  sealBytes,
  SessionSealer,
} from '../../../../tls/sessions/redis/session-sealer.ts';
import { noteOverwrittenBytes } from '../../../fixtures/overwritten-bytes.ts';
import { makeSession } from '../../../fixtures/session-cache-contract.ts';

const secret = randomBytes(32);
const expiresAt = 1_900_000_000_000;

void t.test('opens what it has sealed', async (t) => {
  const sealer = new SessionSealer([secret], 'here');
  for (const length of [1, 33, 130, 60_000]) {
    const { id, session } = makeSession({ length, isIdInside: false });
    const sealed = sealer.seal(id, session, expiresAt);
    t.equal(sealed.length, length + sealBytes);
    // Few bytes may be there by chance.
    if (length > 16) t.equal(sealed.indexOf(session), -1);
    t.same(sealer.open(id, sealed, expiresAt), session);
    t.same(new SessionSealer([secret], 'here').open(id, sealed, expiresAt), session);
    t.notSame(sealer.seal(id, session, expiresAt), sealed, 'each time it looks different');
  }
});

void t.test('overwrites the key of each session, and its own copy of what it opens', async (t) => {
  const overwritten = noteOverwrittenBytes(t);
  const sealer = new SessionSealer([secret], 'here');
  const { id, session } = makeSession({ length: 130, isIdInside: false });
  const root = Buffer.from(hkdfSync('sha256', secret, '', 'reprise session seal 1', 32));
  const key = createHmac('sha256', root).update(id).digest();
  const sealed = sealer.seal(id, session, expiresAt);
  t.equal(overwritten.countOf(key), 1);
  const opened = sealer.open(id, sealed, expiresAt);
  t.equal(overwritten.countOf(key), 2);
  t.equal(overwritten.countOf(session), 1);
  t.same(opened, session, 'but not the one that the caller has');
});

void t.test('opens nothing that was changed, moved or made to live longer', async (t) => {
  const sealer = new SessionSealer([secret], 'here');
  const { id, session } = makeSession({ length: 40 });
  const sealed = sealer.seal(id, session, expiresAt);
  for (let index = 0; index < sealed.length; index++) {
    const changed = Buffer.from(sealed);
    changed[index]! ^= 1;
    t.equal(sealer.open(id, changed, expiresAt), undefined, `byte ${index} counts`);
  }
  for (let length = 0; length < sealed.length; length++) {
    t.equal(sealer.open(id, sealed.subarray(0, length), expiresAt), undefined);
  }
  t.equal(sealer.open(makeSession().id, sealed, expiresAt), undefined);
  t.equal(sealer.open(id, sealed, expiresAt + 1), undefined);
  t.equal(new SessionSealer([secret], 'there').open(id, sealed, expiresAt), undefined);
  t.equal(new SessionSealer([randomBytes(32)], 'here').open(id, sealed, expiresAt), undefined);
});

void t.test('a secret can be changed machine by machine', async (t) => {
  const next = randomBytes(48);
  const [before, during, after, end] = [[secret], [secret, next], [next, secret], [next]].map(
    (secrets) => new SessionSealer(secrets, 'here'),
  );
  const { id, session } = makeSession();
  const old = before!.seal(id, session, expiresAt);
  t.same(during!.open(id, old, expiresAt), session);
  t.same(after!.open(id, old, expiresAt), session);
  t.equal(end!.open(id, old, expiresAt), undefined);
  const young = after!.seal(id, session, expiresAt);
  t.same(during!.open(id, young, expiresAt), session);
  t.same(end!.open(id, young, expiresAt), session);
  t.same(after!.ownerTags('account', 'alice'), [
    ...end!.ownerTags('account', 'alice'),
    ...before!.ownerTags('account', 'alice'),
  ]);
});

void t.test('an owner tag is of one owner, one kind, one place and one secret', async (t) => {
  const sealer = new SessionSealer([secret], 'here');
  const tags = [
    sealer.ownerTags('account', 'alice'),
    sealer.ownerTags('account', 'bob'),
    sealer.ownerTags('certificate', 'alice'),
    new SessionSealer([secret], 'there').ownerTags('account', 'alice'),
    new SessionSealer([randomBytes(32)], 'here').ownerTags('account', 'alice'),
  ].flat();
  t.equal(new Set(tags.map((tag) => tag.toString('hex'))).size, tags.length);
  t.ok(tags.every(({ length }) => length === ownerTagBytes));
  t.same(sealer.ownerTags('account', 'alice'), sealer.ownerTags('account', 'alice'));
});

void t.test('refuses to seal with little', async (t) => {
  t.throws(() => new SessionSealer([], 'here'), {
    message: 'Cannot seal sessions without a secret',
  });
  t.throws(() => new SessionSealer([secret, randomBytes(31)], 'here'), {
    name: 'RangeError',
    message: 'Cannot seal sessions with a secret of "31" bytes: at least 32 are needed',
  });
});
