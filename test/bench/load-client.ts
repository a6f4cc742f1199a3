import { once } from 'node:events';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';

/** What a client says after each thing it is told. */
export interface VisitStep {
  /** What the server has said by then, at the beginning of a line. */
  readonly after: string;
  /** A line; absent: the client closes the connection. */
  readonly say?: string;
  /** Does not wait for the server to close too: Dovecot does not notice in IDLE that a client has ended. */
  readonly hangsUp?: true;
}

/** Visits of a client that comes back. The server's last line is waited for; then the client closes. */
export const visits = {
  /** Nothing but the handshake and what the server says first. */
  greeting: () => [{ after: '* OK' }],
  login: (password: string) => [
    { after: '* OK', say: `a LOGIN alice ${password}` },
    { after: 'a OK', say: 'b LOGOUT' },
    { after: 'b OK' },
  ],
  idle: (password: string) => [
    { after: '* OK', say: `a LOGIN alice ${password}` },
    { after: 'a OK', say: 'b SELECT INBOX' },
    { after: 'b OK', say: 'c IDLE' },
    { after: '+ ', hangsUp: true },
  ],
} satisfies Record<string, (password: string) => readonly VisitStep[]>;

const deadlineMs = 20_000;

/** Versions of TLS that a {@link LoadClient} speaks. */
export type LoadProtocol = 'TLSv1.2' | 'TLSv1.3';

/**
 * A client that comes back with the newest of its TLS sessions each time. It offers X25519 alone, so that
 * servers with and without ML-KEM do the same work.
 */
export class LoadClient {
  readonly #port: number;
  readonly #context: SecureContext;
  #session: Buffer | undefined;

  constructor(port: number, protocol: LoadProtocol = 'TLSv1.3') {
    this.#port = port;
    this.#context = createSecureContext({
      minVersion: protocol,
      maxVersion: protocol,
      // In TLS 1.2 the group of the certificate counts too (RFC 8422, section 5.1.1).
      ecdhCurve: protocol === 'TLSv1.2' ? 'X25519:P-256' : 'X25519',
    });
  }

  /** One connection from the beginning to the end; whether its handshake was a resumed one. */
  async visit(steps: readonly VisitStep[]): Promise<boolean> {
    const socket = connect({
      port: this.#port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      secureContext: this.#context,
      session: this.#session,
    });
    socket.on('session', (session) => {
      this.#session = session;
    });
    socket.setTimeout(deadlineMs, () => socket.destroy(new Error('The server is silent')));
    const closed = once(socket, 'close');
    await play(socket, steps);
    const isResumed = socket.isSessionReused();
    if (steps.at(-1)?.hangsUp) socket.destroySoon();
    else socket.end();
    await closed;
    return isResumed;
  }
}

/** Goes through the steps; rejects where the server refuses one or the connection ends before the last. */
function play(socket: TLSSocket, steps: readonly VisitStep[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let told = '\n';
    let next = 0;
    socket.on('data', (chunk: Buffer) => {
      told += chunk.toString('latin1');
      if (/\n\w+ (?:NO|BAD) /.test(told)) reject(new Error(`The server refuses: "${told.trim()}"`));
      for (let step = steps[next]; step !== undefined; step = steps[++next]) {
        if (!told.includes(`\n${step.after}`)) return;
        told = '\n';
        if (step.say !== undefined) socket.write(`${step.say}\r\n`);
      }
      resolve();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`The connection ended after "${told.trim()}"`)));
  });
}
