import t from 'tap';
import {
  DerivedTicketKeys,
  RandomTicketKeys,
  ReplicatedTicketKeys,
  type TicketKeySource,
} from '../../../tls/index.ts';
import { makeTicketKey } from '../../../tls/tickets/ticket-keys.ts';
import { noteOverwrittenBytes } from '../../fixtures/overwritten-bytes.ts';
import { TestClock } from '../../fixtures/session-cache-contract.ts';

const lifetimeMs = 60_000;
const secret = new Uint8Array(32).fill(1);
const newSecret = new Uint8Array(32).fill(2);

const namesOf = ({ keys }: TicketKeySource): string[] =>
  keys.map(({ name }) => Buffer.from(name).toString('hex'));
const secretsOf = ({ keys }: TicketKeySource): string[] =>
  keys.map(({ secret }) => Buffer.from(secret).toString('hex'));

/** Settles when the source tells of a change; its own timer holds no process up. */
async function nextChange(source: TicketKeySource): Promise<void> {
  const alive = setInterval(() => {}, 1_000);
  await new Promise<void>((resolve) => source.subscribe(resolve));
  clearInterval(alive);
}

void t.test('a key has 48 bytes that begin with its name', async (t) => {
  for (const source of [
    new RandomTicketKeys({ lifetimeMs }),
    new DerivedTicketKeys({ secrets: [secret], lifetimeMs }),
  ]) {
    for (const key of source.keys) {
      t.equal(key.secret.length, 48);
      t.same(key.name, key.secret.subarray(0, 16));
      t.equal(key.secret.buffer.byteLength, 48, 'not on a pool, for it goes to other threads');
      t.equal(key.name.buffer.byteLength, 16);
    }
    source.close();
  }
  t.throws(() => makeTicketKey(new Uint8Array(47), { createdAt: 0, expiresAt: 1 }), RangeError);
});

void t.test('RandomTicketKeys', async (t) => {
  const clock = new TestClock();
  const source = new RandomTicketKeys({ lifetimeMs, clock: clock.read });
  t.teardown(() => source.close());
  let toldCount = 0;
  const unsubscribe = source.subscribe(() => toldCount++);
  const [first] = namesOf(source);
  t.match(source.keys, [{ createdAt: clock.nowMs, expiresAt: clock.nowMs + 2 * lifetimeMs }]);
  const [firstKey] = source.keys;

  clock.nowMs += lifetimeMs;
  source.rotate();
  const [second, previous] = namesOf(source);
  t.not(second, first);
  t.equal(previous, first, 'the key before opens what it sealed');
  source.rotate();
  t.equal(source.keys.length, 2);
  t.notOk(namesOf(source).includes(first!), 'for one lifetime');
  t.same(firstKey!.secret, new Uint8Array(48), 'and is overwritten then');
  t.equal(toldCount, 2);
  unsubscribe();
  source.rotate();
  t.equal(toldCount, 2);
  t.not(namesOf(new RandomTicketKeys({ lifetimeMs }))[0], second, 'nobody else has them');
});

void t.test('keys lie nowhere else, and secrets are overwritten at the end', async (t) => {
  const overwritten = noteOverwrittenBytes(t);
  const random = new RandomTicketKeys({ lifetimeMs });
  const derived = new DerivedTicketKeys({ secrets: [secret, newSecret], lifetimeMs });
  const secrets = [...random.keys, ...derived.keys].map((key) => Buffer.from(key.secret));
  t.equal(secrets.length, 7);
  for (const bytes of secrets) t.equal(overwritten.countOf(bytes), 1, 'what it was made of');
  random.close();
  derived.close();
  for (const bytes of [secret, newSecret]) t.equal(overwritten.countOf(bytes), 1);
  t.same([secret[0], newSecret[0]], [1, 2], 'but not those of the caller');
});

void t.test('RandomTicketKeys rotate by themselves', async (t) => {
  const source = new RandomTicketKeys({ lifetimeMs: 30 });
  const names = new Set(namesOf(source));
  while (names.size < 3) {
    await nextChange(source);
    names.add(namesOf(source)[0]!);
  }
  t.equal(namesOf(source).length, 2);
  source.close();
});

void t.test('DerivedTicketKeys are the same everywhere at a time', async (t) => {
  const clock = new TestClock();
  const make = (secrets: Uint8Array[], options = {}): DerivedTicketKeys => {
    const source = new DerivedTicketKeys({ secrets, lifetimeMs, clock: clock.read, ...options });
    t.teardown(() => source.close());
    return source;
  };
  const [one, two] = [make([secret]), make([secret])];
  t.same(secretsOf(one), secretsOf(two));
  t.equal(new Set(secretsOf(one)).size, 3);
  t.notOk(secretsOf(make([newSecret])).some((key) => secretsOf(one).includes(key)));
  t.notOk(
    secretsOf(make([secret], { lifetimeMs: 2 * lifetimeMs })).some((key) =>
      secretsOf(one).includes(key),
    ),
    'of another lifetime they are others',
  );
  const [ahead] = secretsOf(make([secret], { clock: () => clock.nowMs + lifetimeMs }));
  t.ok(secretsOf(one).includes(ahead!), 'also what a machine seals whose clock is ahead');

  const rotating = make([newSecret, secret]);
  t.ok(secretsOf(rotating).includes(secretsOf(one)[0]!), 'a new secret opens for the old one');
  const prepared = make([secret, newSecret]);
  t.ok(secretsOf(prepared).includes(secretsOf(rotating)[0]!), 'and the other way round');
});

void t.test('DerivedTicketKeys open what they sealed for a lifetime, and end', async (t) => {
  const clock = new TestClock();
  // In the middle of an epoch.
  clock.nowMs = (Math.floor(clock.nowMs / lifetimeMs) + 0.5) * lifetimeMs;
  const source = new DerivedTicketKeys({ secrets: [secret], lifetimeMs, clock: clock.read });
  t.teardown(() => source.close());
  let toldCount = 0;
  source.subscribe(() => toldCount++);
  const [first] = secretsOf(source);
  const [firstKey] = source.keys;
  t.ok(firstKey!.createdAt <= clock.nowMs && clock.nowMs < firstKey!.createdAt + lifetimeMs);
  clock.nowMs += lifetimeMs;
  t.not(secretsOf(source)[0], first);
  t.ok(secretsOf(source).includes(first!));
  t.same(firstKey!.secret, new Uint8Array(48), 'which is made again, and overwritten before');
  clock.nowMs = firstKey!.expiresAt - 1;
  t.ok(secretsOf(source).includes(first!));
  clock.nowMs = firstKey!.expiresAt;
  t.notOk(secretsOf(source).includes(first!));
  t.equal(toldCount, 2);
  const last = secretsOf(source);
  source.close();
  clock.nowMs += lifetimeMs;
  t.same(secretsOf(source), last, 'a secret that was overwritten makes no keys');
});

void t.test('DerivedTicketKeys tell of a new epoch by themselves', async (t) => {
  const source = new DerivedTicketKeys({ secrets: [secret], lifetimeMs: 40 });
  const [before] = namesOf(source);
  await nextChange(source);
  t.not(namesOf(source)[0], before);
  source.close();
});

void t.test('DerivedTicketKeys want secrets that are long enough', async (t) => {
  t.throws(() => new DerivedTicketKeys({ secrets: [], lifetimeMs }), RangeError);
  t.throws(
    () => new DerivedTicketKeys({ secrets: [secret, new Uint8Array(31)], lifetimeMs }),
    /^Cannot derive keys from a secret of "31" bytes, expected 32 or more$/,
  );
});

void t.test('ReplicatedTicketKeys', async (t) => {
  const keys = [3, 4].map((byte) =>
    makeTicketKey(new Uint8Array(48).fill(byte), { createdAt: 0, expiresAt: 1 }),
  );
  const wanted = structuredClone(keys);
  const source = new ReplicatedTicketKeys(keys.slice(0, 1));
  let toldCount = 0;
  source.subscribe(() => toldCount++);
  source.replace(structuredClone(keys));
  t.same(source.keys, wanted);
  t.equal(toldCount, 1);
  t.same(keys[0]!.secret, new Uint8Array(48), 'those before are overwritten');
  t.throws(() => source.replace([]), RangeError);
  t.same(source.keys, wanted);
  const [, second] = source.keys;
  source.replace([second!]);
  t.same(source.keys, [wanted[1]], 'but not one that stays');
});
