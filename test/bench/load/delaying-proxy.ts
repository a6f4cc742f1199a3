// A TCP proxy before a server of 127.0.0.1 that holds back what it passes on, as a long way would.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { serveLoad } from './load-process.ts';

export interface DelayingProxyOptions {
  readonly serverPort: number;
  /** In each direction: half of a round trip. */
  readonly delayMs: number;
  /** The address that it connects from. */
  readonly localAddress: string;
}

const actions = {
  /** Returns its port. */
  async listen({ serverPort, delayMs, localAddress }: DelayingProxyOptions): Promise<number> {
    const proxy = createServer({ noDelay: true }, (client) => {
      const early: Buffer[] = [];
      const keep = (chunk: Buffer): void => void early.push(chunk);
      client.on('data', keep);
      client.on('error', () => client.destroy());
      void delay(delayMs).then(() => {
        const server = connect({
          port: serverPort,
          host: '127.0.0.1',
          localAddress,
          noDelay: true,
        });
        client.off('data', keep);
        for (const chunk of early) server.write(chunk);
        passOn(client, server, delayMs);
        passOn(server, client, delayMs);
      });
    });
    proxy.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
    await once(proxy, 'listening');
    return (proxy.address() as AddressInfo).port;
  },
};

export type DelayingProxy = typeof actions;

serveLoad(actions);

/** Passes on bytes, the end and a break, each later by the delay, so that their order stays. */
function passOn(from: Socket, to: Socket, delayMs: number): void {
  from.on('data', (chunk) => setTimeout(() => to.write(chunk), delayMs));
  from.on('end', () => setTimeout(() => to.end(), delayMs));
  from.on('error', () => setTimeout(() => to.destroy(), delayMs));
  from.on('close', () => setTimeout(() => to.destroy(), delayMs));
}
