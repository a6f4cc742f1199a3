import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { SessionCache } from '../session-cache.ts';
import {
  type AnswerMessage,
  type AttachMessage,
  type CallMessage,
  idFromText,
  MessageBatch,
  ownCopy,
  writeSharedStats,
} from './messages.ts';
import { SharedSessionCache } from './shared-cache.ts';

type Message = AttachMessage | readonly CallMessage[];

/** The ports on which each cache is served. */
const portsOf = new WeakMap<SessionCache, Set<ServedPort>>();

/**
 * Answers the {@link RemoteSessionCache} at the other end of a port from a cache, until either end closes the port.
 * The port does not keep the process alive. A cache may be served on any number of ports; none of them closes it.
 */
export function serveSessionCache(cache: SessionCache, port: MessagePort): void {
  const ports = portsOf.get(cache) ?? new Set();
  portsOf.set(cache, ports);
  const served = new ServedPort(cache, port, ports);
  ports.add(served);
  port.on('close', () => ports.delete(served));
}

/**
 * Makes the calls that other threads have sent to a cache and that were not read yet. Call it before a purge in this
 * thread, so that the purge reaches what they have stored before.
 */
export function makeSentCalls(cache: SessionCache): void {
  for (const port of portsOf.get(cache) ?? []) port.makeSentCalls();
}

/** One port, at the end that has the cache. */
class ServedPort {
  readonly #cache: SessionCache;
  readonly #port: MessagePort;
  readonly #ports: ReadonlySet<ServedPort>;
  readonly #batch: MessageBatch<AnswerMessage>;
  #stats: Float64Array | undefined;
  /** Calls that were received but not made. */
  #calls: CallMessage[] = [];

  constructor(cache: SessionCache, port: MessagePort, ports: ReadonlySet<ServedPort>) {
    this.#cache = cache;
    this.#port = port;
    this.#ports = ports;
    this.#batch = new MessageBatch(port, () => this.#writeStats());
    if (cache instanceof SharedSessionCache) this.#share(cache);
    port.on('message', (message: Message) => {
      this.#receive(message);
      if (this.#calls.some(isLookup)) this.#handleAll();
      else this.#makeCalls();
    });
    port.on('close', () => this.#batch.close());
    port.unref();
  }

  /** Any message, also an empty one, says that the queues may hold changes. */
  #share(cache: SharedSessionCache): void {
    const thread = cache.attach();
    this.#port.postMessage(thread.memory, []);
    this.#port.on('message', () => {
      cache.applyChanges();
      this.#writeStats();
    });
    this.#port.on('close', () => thread.detach());
  }

  #writeStats(): void {
    if (this.#stats !== undefined) writeSharedStats(this.#stats, this.#cache.stats());
  }

  /**
   * A thread sends a session before its client can come to another thread and is looked up there, but ports are not
   * read in the order in which their messages were sent. So before a lookup all ports are read, and sessions are
   * stored first. A cache may need a turn of the event loop for that.
   */
  #handleAll(): void {
    for (const port of this.#ports) port.#drain();
    const storedCount = [...this.#ports].reduce((sum, port) => sum + port.#storeSessions(), 0);
    if (storedCount === 0) this.#makeAllCalls();
    else setImmediate(() => this.#makeAllCalls());
  }

  makeSentCalls(): void {
    this.#drain();
    this.#storeSessions();
    this.#makeCalls();
  }

  #makeAllCalls(): void {
    for (const port of this.#ports) port.#makeCalls();
  }

  #drain(): void {
    for (
      let received = receiveMessageOnPort(this.#port);
      received !== undefined;
      received = receiveMessageOnPort(this.#port)
    ) {
      this.#receive(received.message as Message);
    }
  }

  #receive(message: Message): void {
    if (message instanceof Float64Array) {
      this.#stats = message;
      writeSharedStats(message, this.#cache.stats());
    } else {
      this.#calls.push(...message);
    }
  }

  /** Makes the put calls among those that wait; returns how many there were. */
  #storeSessions(): number {
    const puts = this.#calls.filter(([, kind]) => kind === 'put');
    if (puts.length === 0) return 0;
    this.#calls = this.#calls.filter(([, kind]) => kind !== 'put');
    for (const put of puts) this.#make(put);
    return puts.length;
  }

  #makeCalls(): void {
    const calls = this.#calls;
    this.#calls = [];
    for (const call of calls) this.#make(call);
  }

  #make(call: CallMessage): void {
    // Only get, take and purge have a caller waiting.
    const isUrgent = isLookup(call) || call[1] === 'purge';
    apply(this.#cache, call).then(
      (value) => this.#answer([call[0], value ?? undefined], isUrgent),
      (error: unknown) => {
        const text = error instanceof Error ? error.message : String(error);
        this.#answer([call[0], undefined, text], isUrgent);
      },
    );
  }

  #answer(answer: AnswerMessage, isUrgent: boolean): void {
    const [call, value] = answer;
    if (!(value instanceof Uint8Array)) {
      this.#batch.post(answer, isUrgent);
      return;
    }
    const session = ownCopy(value);
    value.fill(0);
    this.#batch.post([call, session], isUrgent, session.buffer);
  }
}

function isLookup([, kind]: CallMessage): boolean {
  return kind === 'get' || kind === 'take';
}

async function apply(
  cache: SessionCache,
  message: CallMessage,
): Promise<Uint8Array | number | void> {
  switch (message[1]) {
    case 'get':
    case 'take':
      return cache[message[1]](idFromText(message[2]));
    case 'put': {
      const [, , id, session, options] = message;
      try {
        return await cache.put(idFromText(id), session, options);
      } finally {
        session.fill(0);
      }
    }
    case 'promote':
      return cache.promote(message[2].map(idFromText), message[3]);
    case 'delete':
      return cache.delete(idFromText(message[2]), message[3]);
    case 'purge':
      return cache.purge(message[2]);
  }
}
