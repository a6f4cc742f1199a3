import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** What one client does. */
export interface VisitPlan {
  readonly port: number;
  readonly isStartTls: boolean;
  readonly version: TlsVersion;
  /** The session it comes back with. */
  readonly session?: Buffer | undefined;
  /** The loopback address it comes from; absent: the system's choice. */
  readonly localAddress?: string | undefined;
  /** Logs in; absent: does not. */
  readonly login?: { readonly name: string; readonly password: string } | undefined;
  /** Whether it ends in good order, resets the connection, or resets it within the handshake. */
  readonly end: 'close' | 'reset' | 'abandon';
}

export interface VisitResult {
  readonly isResumed: boolean;
  /** What the client can come back with; undefined where it was given nothing. */
  readonly session: Buffer | undefined;
}

/** One context for each version: to make one costs more than a handshake. */
const contexts: Record<TlsVersion, SecureContext> = {
  'TLSv1.2': makeContext('TLSv1.2'),
  'TLSv1.3': makeContext('TLSv1.3'),
};

const deadlineMs = 60_000;

/** Connects, speaks a little IMAP and leaves. Rejects where the server does not do its part. */
export async function visit(plan: VisitPlan): Promise<VisitResult> {
  const { port, localAddress } = plan;
  const tcp = connectPlain({
    port,
    host: '127.0.0.1',
    noDelay: true,
    ...(localAddress === undefined ? {} : { localAddress }),
  });
  const deadline = setTimeout(() => tcp.destroy(new Error('The server is silent')), deadlineMs);
  try {
    if (plan.isStartTls) {
      await answer(tcp, '* OK');
      tcp.write('s STARTTLS\r\n');
      await answer(tcp, 's OK');
    }
    return await (plan.end === 'abandon' ? abandon(tcp, plan) : visitOverTls(tcp, plan));
  } finally {
    clearTimeout(deadline);
  }
}

async function visitOverTls(tcp: Socket, plan: VisitPlan): Promise<VisitResult> {
  const tls = connectTls({
    socket: tcp,
    secureContext: contexts[plan.version],
    rejectUnauthorized: false,
    ...(plan.session === undefined ? {} : { session: plan.session }),
  });
  // After a resumption in TLS 1.2 there is no new one.
  let { session } = plan;
  tls.on('session', (given) => (session = given));
  if (!plan.isStartTls) await answer(tls, '* OK');
  const { login } = plan;
  tls.write(login === undefined ? 'a NOOP\r\n' : `a LOGIN ${login.name} ${login.password}\r\n`);
  await answer(tls, 'a OK');
  const isResumed = tls.isSessionReused();
  const closed = closeOf(tcp);
  if (plan.end === 'reset') tcp.resetAndDestroy();
  else tls.end('b LOGOUT\r\n');
  tls.resume();
  await closed;
  return { isResumed, session };
}

/** Sends its ClientHello and leaves as soon as the server has sent anything. */
async function abandon(tcp: Socket, plan: VisitPlan): Promise<VisitResult> {
  const tls = connectTls({
    socket: tcp,
    secureContext: contexts[plan.version],
    rejectUnauthorized: false,
  });
  tls.on('error', () => {});
  const closed = closeOf(tcp);
  // Between the server's first flight and the client's answer to it.
  await Promise.race([once(tls, 'keylog'), closed]);
  tcp.resetAndDestroy();
  await closed;
  return { isResumed: false, session: undefined };
}

/** Reads up to a line that begins so. Rejects where the connection ends first. */
function answer(socket: Socket, beginning: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const take = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (!text.endsWith('\r\n') || !text.split('\r\n').some((line) => line.startsWith(beginning)))
        return;
      settle();
      resolve();
    };
    const fail = (error?: Error): void => {
      settle();
      reject(error ?? new Error(`The server has left after "${text}", not said "${beginning}"`));
    };
    const settle = (): void => {
      socket.off('data', take).off('error', fail).off('close', fail);
      socket.on('error', () => {});
    };
    if (socket.destroyed) fail();
    else socket.on('data', take).on('error', fail).on('close', fail);
  });
}

function makeContext(version: TlsVersion): SecureContext {
  // The cheapest group, as it is memory that is measured; the other is the certificate's.
  const ecdhCurve = 'X25519:P-256';
  return createSecureContext({ minVersion: version, maxVersion: version, ecdhCurve });
}

function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}
