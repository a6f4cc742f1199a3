import * as fc from 'fast-check';
import t from 'tap';
import { decodeStoredSession, encodeStoredSession } from '../../../tls/sessions/stored-session.ts';

void t.test('a stored session comes back as it was', async (t) => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
  const id = fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: undefined });
  const fingerprint = fc.option(fc.constant('0a'.repeat(32)), { nil: undefined });
  const seconds = fc.nat({ max: 0xffff_ffff });
  fc.assert(
    fc.property(bytes, id, seconds, fingerprint, (session, predecessorId, second, certificate) => {
      const fullHandshakeAt = second * 1000;
      const stored = decodeStoredSession(
        // Whole seconds are kept, rounded down.
        encodeStoredSession({
          session,
          predecessorId,
          fullHandshakeAt: fullHandshakeAt + 999.5,
          certificate,
        }),
      );
      const text = (bytes: Uint8Array | undefined): string => String(bytes);
      return (
        text(stored?.session) === text(session) &&
        text(stored?.predecessorId) === text(predecessorId) &&
        stored?.fullHandshakeAt === fullHandshakeAt &&
        stored.certificate === certificate
      );
    }),
  );
  t.pass('for all');
});

void t.test('what another program stored is no session', async (t) => {
  for (const bytes of [
    [],
    [0],
    [0, 0, 1, 1, 1, 1],
    [33, 0, ...Array<number>(40).fill(1)],
    [0, 31, ...Array<number>(40).fill(1)],
    [32, 0, ...Array<number>(36).fill(1)],
    [32, 32, ...Array<number>(68).fill(1)],
  ]) {
    t.equal(
      decodeStoredSession(Uint8Array.from(bytes)),
      undefined,
      `[${bytes.slice(0, 3).join()} …]`,
    );
  }
});
