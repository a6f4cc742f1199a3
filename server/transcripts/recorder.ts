import { once } from 'node:events';
import { connect as connectTcp, createServer, isIP, type Server, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { SessionRecorder, VaryingValues } from './session-recorder.ts';
import type { TranscriptTarget } from './wire-connection.ts';

/** What is recorded, and where to. */
export interface RecorderOptions {
  /** Port of 127.0.0.1 for clients, in the clear; 0 is any free one. */
  readonly port: number;
  /** The server, in the clear or over TLS. */
  readonly target: TranscriptTarget;
  /** Gets the transcript, line by line. */
  readonly write: (line: string) => void;
  /** Told if the server cannot be reached. */
  readonly onError: (error: Error) => void;
}

/** Stands between clients and a server, and writes down what they say as a transcript. */
export interface Recorder extends AsyncDisposable {
  readonly port: number;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** Starts to record. Rejects if it cannot listen. */
export async function startRecorder(options: RecorderOptions): Promise<Recorder> {
  const { write } = options;
  const { host, port: targetPort } = options.target;
  write(`# Recorded by reprise record, between a client and ${host}:${targetPort}.`);
  write('state: not authenticated');
  write('');
  const values = new VaryingValues();
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer({ noDelay: true }, (client) => {
    count += 1;
    const session = new SessionRecorder(count, values, write);
    const upstream = connectTo(options.target);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
    relay({ client, upstream, session, onError: options.onError });
  });
  server.listen(options.port, '127.0.0.1');
  await once(server, 'listening');
  const close = () => stop(server, sockets);
  return { port: portOf(server), close, [Symbol.asyncDispose]: close };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function stop(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  for (const socket of sockets) socket.destroy();
  await closed;
}

function connectTo({
  host,
  port,
  security,
  ca,
  isUnchecked,
  serverName,
}: TranscriptTarget): Socket {
  if (security === 'plain') return connectTcp({ host, port, noDelay: true });
  const name = serverName ?? host;
  return connectTls({
    host,
    port,
    rejectUnauthorized: isUnchecked !== true,
    ...(isIP(name) === 0 && { servername: name }),
    ...(ca !== undefined && { ca }),
  });
}

/** Passes on what each side sends, and writes it down before the other one can answer. */
function relay({
  client,
  upstream,
  session,
  onError,
}: {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly session: SessionRecorder;
  readonly onError: (error: Error) => void;
}): void {
  let isEnded = false;
  const end = (side: 'client' | 'server') => {
    if (!isEnded) session.end(side);
    isEnded = true;
    client.end();
    upstream.end();
  };
  client.on('data', (chunk: Buffer) => {
    for (const piece of session.takeClient(chunk)) {
      if ('answer' in piece) client.write(piece.answer, 'latin1');
      else upstream.write(piece.forward, 'latin1');
    }
  });
  upstream.on('data', (chunk: Buffer) => {
    session.takeServer(chunk);
    client.write(chunk);
  });
  client.on('end', () => end('client'));
  upstream.on('end', () => end('server'));
  client.on('error', () => end('client'));
  upstream.on('error', (error) => {
    onError(error);
    end('server');
    client.destroy();
  });
}
