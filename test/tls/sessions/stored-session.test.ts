import * as fc from 'fast-check';
import t from 'tap';
import {
  decodeStoredSession,
  digestServerName,
  encodeStoredSession,
} from '../../../tls/sessions/stored-session.ts';

const latin1Of = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

void t.test('a stored session comes back as it was', async (t) => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
  const id = fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: undefined });
  const digest = fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 }).map(latin1Of), {
    nil: undefined,
  });
  const fingerprint = fc.option(fc.constant('0a'.repeat(32)), { nil: undefined });
  const end = fc.nat({ max: 0xffff_ffff });
  const seconds = fc.nat({ max: 0xffff_ffff });
  fc.assert(
    fc.property(bytes, id, digest, seconds, fingerprint, end, (session, ...fields) => {
      const [predecessorId, nameDigest, second, certificate, end] = fields;
      const fullHandshakeAt = second * 1000;
      const stored = decodeStoredSession(
        encodeStoredSession({
          session,
          predecessorId,
          nameDigest,
          // Whole seconds are kept, rounded down.
          fullHandshakeAt: fullHandshakeAt + 999.5,
          certificate,
          verdictEndsAt: end * 1000 + 999.5,
        }),
      );
      const text = (bytes: Uint8Array | undefined): string => String(bytes);
      return (
        text(stored?.session) === text(session) &&
        text(stored?.predecessorId) === text(predecessorId) &&
        stored?.nameDigest === nameDigest &&
        stored?.fullHandshakeAt === fullHandshakeAt &&
        stored.certificate === certificate &&
        stored.verdictEndsAt === (certificate === undefined ? undefined : end * 1000)
      );
    }),
  );
  t.pass('for all');
});

void t.test('what another program stored is no session', async (t) => {
  for (const bytes of [
    [],
    [0x40],
    [0x40, 1, 1, 1, 1],
    // As they were stored before names counted.
    [0, 0, ...Array<number>(160).fill(1)],
    [32, 0, ...Array<number>(160).fill(1)],
    [0x48, ...Array<number>(160).fill(1)],
    [0x41, ...Array<number>(36).fill(1)],
    [0x42, ...Array<number>(20).fill(1)],
    [0x47, ...Array<number>(88).fill(1)],
  ]) {
    t.equal(
      decodeStoredSession(Uint8Array.from(bytes)),
      undefined,
      `[${bytes.slice(0, 3).join()} …]`,
    );
  }
});

void t.test('names have one digest if they are the same without regard to case', async (t) => {
  t.equal(digestServerName(undefined), undefined);
  t.same(digestServerName('IMAP.Example.org.'), digestServerName('imap.example.org'));
  t.notSame(digestServerName('imap.example.org'), digestServerName('imap.example.net'));
  t.equal(digestServerName('a'.repeat(64))?.length, 16);
});

void t.test('a verdict that ends after 2106, or never, ends in 2106', async (t) => {
  const stored = {
    session: Uint8Array.of(1),
    predecessorId: undefined,
    fullHandshakeAt: 0,
    nameDigest: undefined,
    certificate: '0a'.repeat(32),
  };
  for (const verdictEndsAt of [Date.UTC(2200), Infinity]) {
    const decoded = decodeStoredSession(encodeStoredSession({ ...stored, verdictEndsAt }));
    t.equal(decoded?.verdictEndsAt, 0xffff_ffff * 1000);
  }
});
