import { type AddressInfo, createServer, type Server } from 'node:net';
import type { ListenerSettings } from '../net/listener.ts';

/**
 * Ports that nobody else listens on, held until workers take them over. Workers share their ports with
 * whoever asks the system in the same way, so another server would be let in without an error; the
 * reservation does not share, and finds it.
 */
export class PortReservation {
  /** As they were asked for, with the port that the system has chosen if that was 0. */
  readonly listeners: readonly ListenerSettings[];
  readonly #servers: readonly Server[];

  private constructor(listeners: readonly ListenerSettings[], servers: readonly Server[]) {
    this.listeners = listeners;
    this.#servers = servers;
  }

  /** Rejects with the system's error if an address cannot be bound, and holds none then. */
  static async take(wishes: readonly ListenerSettings[]): Promise<PortReservation> {
    const servers: Server[] = [];
    const listeners: ListenerSettings[] = [];
    try {
      for (const wish of wishes) {
        const server = createServer((socket) => socket.destroy());
        await listen(server, wish.port, wish.host);
        servers.push(server);
        listeners.push({ ...wish, port: (server.address() as AddressInfo).port });
      }
      return new PortReservation(listeners, servers);
    } catch (error) {
      await closeAll(servers);
      throw error;
    }
  }

  /** Lets others listen; again has no effect. */
  async release(): Promise<void> {
    await closeAll(this.#servers);
  }
}

/** Whether several threads can listen on the same port here: Linux and the newer BSDs can. */
export async function canSharePorts(): Promise<boolean> {
  const server = createServer();
  try {
    await listen(server, 0, '127.0.0.1', true);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTSUP') return false;
    throw error;
  } finally {
    await closeAll([server]);
  }
}

function listen(server: Server, port: number, host?: string, reusePort = false): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, reusePort }, resolve);
  });
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(
    servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          if (server.listening) server.close(() => resolve());
          else resolve();
        }),
    ),
  );
}
