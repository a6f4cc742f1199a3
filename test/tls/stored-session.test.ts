import * as fc from 'fast-check';
import t from 'tap';
import { decodeStoredSession, encodeStoredSession } from '../../tls/stored-session.ts';

void t.test('a stored session comes back as it was', async (t) => {
  const octets = fc.uint8Array({ minLength: 1, maxLength: 300 });
  const id = fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: undefined });
  fc.assert(
    fc.property(octets, id, (session, predecessorId) => {
      const stored = decodeStoredSession(encodeStoredSession({ session, predecessorId }));
      const text = (octets: Uint8Array | undefined): string => String(octets);
      return (
        text(stored?.session) === text(session) &&
        text(stored?.predecessorId) === text(predecessorId)
      );
    }),
  );
  t.pass('for all');
});

void t.test('what another program stored is no session', async (t) => {
  for (const octets of [
    [],
    [0],
    [33, ...Array<number>(40).fill(1)],
    [32, ...Array<number>(32).fill(1)],
  ]) {
    t.equal(
      decodeStoredSession(Uint8Array.from(octets)),
      undefined,
      `[${octets.slice(0, 3).join()} …]`,
    );
  }
});
