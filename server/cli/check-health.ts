import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Configuration } from '../config/configuration.ts';
import { readConfiguration } from '../config/read-configuration.ts';
import type { GlobalOptions } from './command-options.ts';

/** For each port; a server that needs longer for a greeting does not serve. */
const deadlineMs = 5_000;

/**
 * `healthcheck`: a greeting and CAPABILITY on the port for IMAP, a TLS handshake and a greeting on the one
 * for IMAP over TLS; a port that is off is left out. Rejects where one of them fails.
 */
export async function checkHealth(options: GlobalOptions): Promise<void> {
  const configuration = readConfiguration({
    environment: process.env,
    ...(options.config !== undefined && { filePath: options.config }),
  });
  const { imapPort, imapsPort } = configuration;
  const host = localHost(configuration);
  if (imapPort === 0 || imapsPort === 0) {
    throw new HealthError('Cannot check a server on any free port: set the ports to fixed ones');
  }
  if (imapPort !== -1) {
    await check(`${host}:${imapPort}`, () => connect({ host, port: imapPort }), 'connect');
    console.log(`IMAP answers on ${host}:${imapPort}`);
  }
  if (imapsPort !== -1) {
    // The certificate may be for any name, or self-signed: who answers here is this machine.
    const open = () => connectTls({ host, port: imapsPort, rejectUnauthorized: false });
    await check(`${host}:${imapsPort}`, open, 'secureConnect');
    console.log(`IMAP over TLS answers on ${host}:${imapsPort}`);
  }
}

/** The server of the configuration does not serve. */
class HealthError extends Error {
  readonly code = 'UNHEALTHY';
}

async function check(place: string, open: () => Socket, connected: string): Promise<void> {
  const socket = open();
  const signal = AbortSignal.timeout(deadlineMs);
  try {
    await once(socket, connected, { signal });
    const lines = linesOf(socket);
    signal.addEventListener('abort', () => socket.destroy());
    await expectLine(lines, /^\* OK /);
    socket.write('a CAPABILITY\r\n');
    await expectLine(lines, /^\* CAPABILITY .*\bIMAP4rev1\b/);
    await expectLine(lines, /^a OK /);
    socket.write('b LOGOUT\r\n');
    await expectLine(lines, /^\* BYE /);
    await expectLine(lines, /^b OK /);
  } catch (cause) {
    const reason = signal.aborted ? `no answer within ${deadlineMs} ms` : (cause as Error).message;
    throw new HealthError(`${place} does not serve: ${reason}`, { cause });
  } finally {
    socket.destroy();
  }
}

async function* linesOf(socket: Socket): AsyncGenerator<string, undefined> {
  let rest = '';
  for await (const chunk of socket) {
    const lines = `${rest}${String(chunk)}`.split('\r\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

async function expectLine(lines: AsyncIterator<string>, pattern: RegExp): Promise<void> {
  const line = await lines.next();
  if (line.done === true) throw new Error('the connection ended');
  if (!pattern.test(line.value)) throw new Error(`it answered "${line.value.slice(0, 200)}"`);
}

/** An address at which this machine reaches a server that listens on the configured one. */
function localHost({ host }: Configuration): string {
  if (host === undefined || host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}
