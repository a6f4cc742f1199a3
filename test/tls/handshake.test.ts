import t from 'tap';
import { TlsAcceptError } from '../../tls/index.ts';
import { TlsHandshake } from '../../tls/handshake.ts';
import type { IssuedSession } from '../../tls/sessions/stored-session.ts';

const issued = (byte: number): IssuedSession => ({
  id: new Uint8Array(32).fill(byte),
  session: new Uint8Array(130).fill(byte),
});
const isZero = ({ session }: IssuedSession): boolean => session.every((byte) => byte === 0);

function make(isCertificateAsked: boolean) {
  const kept: IssuedSession[] = [];
  const handshake = new TlsHandshake({
    startedAt: 1_000,
    address: undefined,
    nameDigest: undefined,
    found: undefined,
    isCertificateAsked,
    onSession: (_handshake, session) => kept.push(session),
  });
  return { handshake, kept };
}

const certificate = { fingerprint256: 'ab', verdictEndsAt: 5 };

void t.test('a session is kept at once, before the client can come back with it', async (t) => {
  const { handshake, kept } = make(false);
  const session = issued(1);
  handshake.addSession(session);
  t.strictSame(kept, [session]);
  t.strictSame(handshake.sessionIds, [session.id]);
});

void t.test('sessions wait until the certificate of the client is checked', async (t) => {
  const { handshake, kept } = make(true);
  const sessions = [issued(1), issued(2), issued(3)] as const;
  handshake.addSession(sessions[0]);
  handshake.addSession(sessions[1]);
  t.strictSame(kept, []);
  handshake.accept(certificate);
  handshake.addSession(sessions[2]);
  t.strictSame(kept, sessions);
  t.match(handshake, { certificate: 'ab', verdictEndsAt: 5 });
});

void t.test('sessions of a client that is refused are overwritten', async (t) => {
  const drops = {
    fail: (handshake: TlsHandshake) => handshake.fail(new TlsAcceptError('CLOSED', 'Gone')),
    drop: (handshake: TlsHandshake) => handshake.dropSessions(),
  };
  for (const [name, drop] of Object.entries(drops)) {
    const { handshake, kept } = make(true);
    const sessions = [issued(1), issued(2)] as const;
    handshake.addSession(sessions[0]);
    drop(handshake);
    handshake.addSession(sessions[1]);
    handshake.accept(certificate);
    t.strictSame(kept, [], name);
    t.ok(sessions.every(isZero));
  }
});
