// Connections that send three bytes which are no TLS, and go.
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { serveLoad } from './load-process.ts';

export interface FloodOptions {
  readonly port: number;
  readonly count: number;
  readonly perSecond: number;
  /** Used in turns: one address has too few ports for them all. */
  readonly localAddresses: readonly string[];
}

export interface FloodReport {
  readonly tookMs: number;
  /** Connections that the system or the server refused. */
  readonly failedCount: number;
}

/** Connections that are open at the same time. */
const maxOpen = 2_000;
const batchMs = 10;

const actions = {
  async run({ port, count, perSecond, localAddresses }: FloodOptions): Promise<FloodReport> {
    const startMs = performance.now();
    let open = 0;
    let failedCount = 0;
    const send = (localAddress: string): void => {
      open++;
      const socket = connect({ port, host: '127.0.0.1', localAddress });
      socket.on('connect', () => socket.end('abc'));
      socket.on('error', () => failedCount++);
      socket.on('close', () => open--);
      socket.resume();
    };
    for (let sent = 0; sent < count;) {
      const due = Math.min(count, ((performance.now() - startMs) * perSecond) / 1000);
      while (sent < due && open < maxOpen) send(localAddresses[sent++ % localAddresses.length]!);
      await delay(batchMs);
    }
    while (open > 0) await delay(batchMs);
    return { tookMs: performance.now() - startMs, failedCount };
  },
};

export type Flood = typeof actions;

serveLoad(actions);
