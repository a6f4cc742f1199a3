import type { RedisClientOptions } from '@redis/client';
import { redisLimits } from '../../limits.ts';
import type { RedisAddress, RedisTarget } from './redis-url.ts';

/** A command with its arguments. */
export type RedisCommand = readonly (string | Buffer)[];

/** Sends commands to a Redis, or to the node of a Cluster that has the key; ends for good when it is lost. */
export interface RedisLink {
  /**
   * @param key - the key of the command, by which a Cluster chooses the node
   * @returns the answer; byte strings are buffers
   * @throws Error if Redis answers with an error, or if the link is lost before it answers
   */
  send(key: string, command: RedisCommand): Promise<unknown>;
  /** Returns a function for each master that sends a command to it. */
  readonly masters: () => Promise<readonly ((command: RedisCommand) => Promise<unknown>)[]>;
  /** Closes the sockets. Calls that wait for an answer are rejected. */
  destroy(): void;
}

/** Which Redis to connect to, and whom to tell when it is lost. */
export interface RedisLinkOptions {
  readonly target: RedisTarget;
  /** PEM: certificates to trust instead of those that Node trusts, for TLS. */
  readonly ca: string | undefined;
  /** Called when the link is lost; not after {@link RedisLink.destroy}. */
  readonly onLost: (error: Error) => void;
  /** Ends the attempt to open it. */
  readonly signal: AbortSignal;
}

// The client keeps no command for later if it cannot send it now, and tells Redis nothing of itself but a name.
const clientOptions = {
  disableOfflineQueue: true,
  disableClientInfo: true,
  maintNotifications: 'disabled',
  name: 'reprise',
} as const satisfies RedisClientOptions;

/** Loads the client, which takes 15 MiB, only if Redis is used. Its own timeout is off, since we have deadlines. */
async function loadClient() {
  const { createClient, createCluster, RESP_TYPES } = await import('@redis/client');
  const commandOptions = { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };
  return { createClient, createCluster, commandOptions };
}

/**
 * Opens a link. It does not reconnect: after it is lost, the caller opens another.
 *
 * @throws Error if no server answers as expected within {@link redisLimits.connectDeadlineMs}
 */
export async function openRedisLink(options: RedisLinkOptions): Promise<RedisLink> {
  const { target } = options;
  if (target.kind === 'cluster') return openCluster(options);
  if (target.kind === 'single') return openServer(options, target.addresses[0]!);
  return openServer(options, await findMaster(options));
}

async function openServer(options: RedisLinkOptions, address: RedisAddress): Promise<RedisLink> {
  const { target, onLost } = options;
  const { createClient, commandOptions } = await loadClient();
  const client = createClient({
    ...clientOptions,
    ...credentials(target.username, target.password),
    database: target.database,
    socket: socketOptions(options, address, false),
    commandOptions,
  });
  let isOpen = false;
  const destroy = (): void => {
    isOpen = false;
    client.destroy();
  };
  const lose = (error: Error): void => {
    if (!isOpen) return;
    destroy();
    onLost(error);
  };
  // Without a listener an error would end the process; while it connects, `connect` rejects with it too.
  client.on('error', lose);
  await withDeadline(options, client.connect(), destroy);
  isOpen = true;
  const send = async (command: RedisCommand): Promise<unknown> => {
    try {
      return await client.sendCommand([...command]);
    } catch (error) {
      // It is no master any more; its Sentinels know another one by now.
      if (isReadOnly(error)) lose(error as Error);
      throw error;
    }
  };
  return { send: (_key, command) => send(command), masters: async () => [send], destroy };
}

/**
 * Asks the Sentinels in turn. (The client's own mode for Sentinels uses a connection for one command at a time; ours
 * are pipelined on one connection.)
 *
 * @see https://redis.io/docs/latest/develop/reference/sentinel-clients/
 */
async function findMaster(options: RedisLinkOptions): Promise<RedisAddress> {
  const { target } = options;
  const { createClient } = await loadClient();
  let reason: unknown;
  for (const address of target.addresses) {
    const client = createClient({
      ...clientOptions,
      ...credentials(undefined, target.sentinelPassword),
      socket: socketOptions(options, address, false),
      commandOptions: { timeout: 0 },
    });
    client.on('error', () => {});
    const ask = async (): Promise<RedisAddress | undefined> => {
      await client.connect();
      const question = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', target.masterName!];
      const answer = (await client.sendCommand(question)) as unknown as [string, string] | null;
      return answer === null ? undefined : { host: answer[0], port: Number(answer[1]) };
    };
    try {
      const master = await withDeadline(options, ask(), () => client.destroy());
      if (master !== undefined) return master;
      reason = new Error(`The Sentinel knows no master "${target.masterName}"`);
    } catch (error) {
      reason = error;
    } finally {
      client.destroy();
    }
  }
  throw new Error('Cannot find the master: no Sentinel told it', { cause: reason });
}

async function openCluster(options: RedisLinkOptions): Promise<RedisLink> {
  const { target } = options;
  const { createCluster, commandOptions } = await loadClient();
  const cluster = createCluster({
    rootNodes: target.addresses.map((address) => ({
      socket: socketOptions(options, address, false),
    })),
    defaults: {
      ...clientOptions,
      ...credentials(target.username, target.password),
      socket: socketOptions(options, {}, redisLimits.clusterRetryMs),
    },
    // A node that is gone will soon have a successor.
    topologyRefreshOnReconnectionAttemptStrategy: redisLimits.clusterRetryMs,
    commandOptions,
  });
  // Nodes come and go without the link being lost; commands to them are rejected meanwhile.
  cluster.on('error', () => {});
  const destroy = (): void => cluster.destroy();
  await withDeadline(options, cluster.connect(), destroy);
  return {
    send: (key, command) => cluster.sendCommand(key, false, [...command]),
    masters: () =>
      Promise.all(
        cluster.masters.map(async (node) => {
          const client = await cluster.nodeClient(node);
          return (command: RedisCommand) => client.sendCommand([...command]);
        }),
      ),
    destroy,
  };
}

function credentials(
  username: string | undefined,
  password: string | undefined,
): { username?: string; password?: string } {
  return { ...(username && { username }), ...(password && { password }) };
}

function socketOptions(
  { target, ca }: RedisLinkOptions,
  address: Partial<RedisAddress>,
  reconnectStrategy: false | number,
): NonNullable<RedisClientOptions['socket']> & { path?: never } {
  const common = {
    ...address,
    reconnectStrategy,
    connectTimeout: redisLimits.connectDeadlineMs,
  };
  if (!target.isTls) return common;
  return { ...common, tls: true, ...(ca !== undefined && { ca }) };
}

/** Rejects as the promise does, at the deadline, or if the signal aborts; calls `onFailure` in all three cases. */
async function withDeadline<T>(
  { signal }: RedisLinkOptions,
  promise: Promise<T>,
  onFailure: () => void,
): Promise<T> {
  const { promise: end, reject } = Promise.withResolvers<never>();
  const deadlineMs = redisLimits.connectDeadlineMs;
  const giveUp = (): void => reject(new Error('Redis is not needed any more'));
  const timer = setTimeout(
    () => reject(new Error(`Redis has not answered within ${deadlineMs} ms`)),
    deadlineMs,
  );
  signal.addEventListener('abort', giveUp);
  if (signal.aborted) giveUp();
  try {
    return await Promise.race([promise, end]);
  } catch (error) {
    promise.catch(() => {});
    onFailure();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
  }
}

/** Whether a command was surely not done: Redis answered with an error, whose code comes first, or it was not sent. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && /^([A-Z]{2,} |The client is offline)/.test(error.message);
}

function isReadOnly(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('READONLY');
}
