import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Configuration } from '../config/configuration.ts';
import { listenersOf } from '../config/listeners.ts';
import type { ListenerSettings } from '../net/listener.ts';
import { AddressRanges } from '../net/proxy-protocol.ts';
import { readCommandConfiguration } from './command-configuration.ts';
import type { GlobalOptions } from './command-options.ts';

/** For each listener; a server that needs longer for a greeting does not serve. */
const deadlineMs = 5_000;

/**
 * `healthcheck`: on each listener for IMAP in the clear a greeting and CAPABILITY, on each for TLS a handshake before
 * that. Rejects if one of them fails.
 */
export async function checkHealth(options: GlobalOptions): Promise<void> {
  const configuration = readCommandConfiguration(options);
  const listeners = listenersOf(configuration);
  if (listeners.some(({ port }) => port === 0)) {
    throw new HealthError('Cannot check a server on any free port: set the ports to fixed ones');
  }
  for (const listener of listeners) await checkListener(listener, configuration);
}

async function checkListener(
  { host: listenHost, port, kind, isProxied = false }: ListenerSettings,
  { clientCertificates, proxyRanges = [] }: Configuration,
): Promise<void> {
  const host = localHost(listenHost);
  const place = `${host}:${port}`;
  const name = kind === 'tls' ? 'IMAP over TLS' : 'IMAP';
  let isForProxiesOnly = false;
  await check(place, connect({ host, port }), async (socket, deadline) => {
    if (isProxied) {
      isForProxiesOnly = !new AddressRanges(proxyRanges).includes(socket.localAddress ?? '');
      if (isForProxiesOnly) return;
      // As a proxy's own health check: a connection for nobody.
      socket.write('PROXY UNKNOWN\r\n');
    }
    if (kind !== 'tls') return converse(socket);
    // The certificate may be for any name, or self-signed: who answers here is this machine.
    const tlsSocket = connectTls({ socket, rejectUnauthorized: false });
    tlsSocket.on('error', () => tlsSocket.destroy());
    await once(tlsSocket, 'secureConnect', { signal: deadline });
    // The server has shown its certificate and that it has the key; more needs a client certificate.
    if (clientCertificates?.isRequired !== true) await converse(tlsSocket);
  });
  console.log(isForProxiesOnly ? `${name} accepts on ${place}` : `${name} answers on ${place}`);
}

/** The server of the configuration does not serve. */
class HealthError extends Error {
  readonly code = 'UNHEALTHY';
}

/** Waits until the socket is connected, then does the rest of the check, all within the deadline. */
async function check(
  place: string,
  socket: Socket,
  rest: (socket: Socket, deadline: AbortSignal) => Promise<void>,
): Promise<void> {
  const deadline = AbortSignal.timeout(deadlineMs);
  deadline.addEventListener('abort', () => socket.destroy());
  try {
    await once(socket, 'connect', { signal: deadline });
    socket.on('error', () => socket.destroy());
    await rest(socket, deadline);
  } catch (cause) {
    const reason = deadline.aborted
      ? `no answer within ${deadlineMs} ms`
      : (cause as Error).message;
    throw new HealthError(`${place} does not serve: ${reason}`, { cause });
  } finally {
    socket.destroy();
  }
}

async function converse(socket: Socket): Promise<void> {
  const lines = linesOf(socket);
  await expectLine(lines, /^\* OK /);
  socket.write('a CAPABILITY\r\n');
  await expectLine(lines, /^\* CAPABILITY .*\bIMAP4rev[12]\b/);
  await expectLine(lines, /^a OK /);
  socket.write('b LOGOUT\r\n');
  await expectLine(lines, /^\* BYE /);
  await expectLine(lines, /^b OK /);
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
function localHost(host: string | undefined): string {
  if (host === undefined || host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}
