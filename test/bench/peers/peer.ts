import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, connect, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { killTree, treeCpuMs } from './process-tree.ts';

const startDeadlineMs = 10_000;
const stopDeadlineMs = 5_000;

/** A server that is measured. */
export interface Peer {
  readonly name: string;
  /** For TLS from the first byte. */
  readonly port: number;
  /** Visits after which it costs no less: what runs often is compiled by then, what is cached is there. */
  readonly warmUpVisits: number;
  /** One APPEND takes several messages (RFC 3502). */
  readonly hasMultiAppend?: true;
  /** CPU time of its processes so far, in milliseconds; from the last restart on. */
  cpuMs(): Promise<number>;
  /** Ends it and starts it anew, on the same data and port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** The peer cannot be run here: a package is missing. */
export class PeerMissingError extends Error {}

export interface StartPeerOptions {
  readonly name: string;
  readonly path: string;
  readonly argv: readonly string[];
  readonly port: number;
  /** Added to its environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Called when the peer has stopped. */
  readonly onStopped: () => Promise<void>;
}

/** Starts a program that stays in the foreground, and waits until it listens. */
export async function startPeer(options: StartPeerOptions): Promise<Peer> {
  const { name, port, onStopped } = options;
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = await startChild(options);
  };
  try {
    await start();
  } catch (error) {
    await onStopped();
    throw error;
  }
  return {
    name,
    port,
    warmUpVisits: 200,
    cpuMs: () => treeCpuMs(child.pid ?? 0),
    restart: async () => {
      await end(child);
      await start();
    },
    stop: async () => {
      await end(child);
      await onStopped();
    },
  };
}

async function startChild(options: StartPeerOptions): Promise<ChildProcess> {
  const { name, path, argv, port, environment } = options;
  const child = spawn(path, argv, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (printed = (printed + chunk.toString()).slice(-4_000)));
  }
  try {
    await untilListening(child, port);
    return child;
  } catch (error) {
    await end(child);
    throw new Error(`Cannot start ${name}: ${printed}`, { cause: error });
  }
}

/** A port of 127.0.0.1 that was free a moment ago, for programs that cannot choose one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function untilListening(child: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + startDeadlineMs;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`It has ended with ${child.exitCode}`);
    if (await isListening(port)) return;
    await delay(50);
  }
  throw new Error(`Nobody listens on ${port}`);
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  const deadline = setTimeout(() => void killTree(child.pid ?? 0), stopDeadlineMs);
  child.kill('SIGTERM');
  await exited;
  clearTimeout(deadline);
}
