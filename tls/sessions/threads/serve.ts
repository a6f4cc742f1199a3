import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { SessionCache } from '../session-cache.ts';
import {
  type AnswerMessage,
  type AttachMessage,
  type CallMessage,
  idBytes,
  LetterBox,
  ownCopy,
  writeSharedStats,
} from './messages.ts';
import { SharedSessionCache } from './shared-cache.ts';

type Message = AttachMessage | readonly CallMessage[];

/** The ends of each cache that is served. */
const endsOf = new WeakMap<SessionCache, Set<ServingEnd>>();

/**
 * Answers the {@link RemoteSessionCache} at the other end of a port out of a cache, until either end closes
 * the port. The port doesn't keep the process alive. Any number of ports may share a cache; none of them
 * closes it.
 */
export function serveSessionCache(cache: SessionCache, port: MessagePort): void {
  const ends = endsOf.get(cache) ?? new Set();
  endsOf.set(cache, ends);
  const end = new ServingEnd(cache, port, ends);
  ends.add(end);
  port.on('close', () => ends.delete(end));
}

/** This end of one port. */
class ServingEnd {
  readonly #cache: SessionCache;
  readonly #port: MessagePort;
  readonly #ends: ReadonlySet<ServingEnd>;
  readonly #letterBox: LetterBox<AnswerMessage>;
  #figures: Float64Array | undefined;
  /** Calls that have come but have not been made. */
  #calls: CallMessage[] = [];

  constructor(cache: SessionCache, port: MessagePort, ends: ReadonlySet<ServingEnd>) {
    this.#cache = cache;
    this.#port = port;
    this.#ends = ends;
    this.#letterBox = new LetterBox(port, () => this.#writeFigures());
    if (cache instanceof SharedSessionCache) this.#share(cache);
    port.on('message', (message: Message) => {
      this.#take(message);
      if (this.#calls.some(isLookup)) this.#takeAll();
      else this.#makeCalls();
    });
    port.on('close', () => this.#letterBox.close());
    port.unref();
  }

  /** Any message says that there may be something to read in the queue of its thread, too. */
  #share(cache: SharedSessionCache): void {
    const thread = cache.attach();
    this.#port.postMessage(thread.memory, []);
    this.#port.on('message', () => {
      cache.readLetters();
      this.#writeFigures();
    });
    this.#port.on('close', () => thread.detach());
  }

  #writeFigures(): void {
    if (this.#figures !== undefined) writeSharedStats(this.#figures, this.#cache.stats());
  }

  /**
   * The thread that made a session has spoken before its client could come to another one, but ports are not
   * read in the order of their messages. So before a lookup all that has come is read, and sessions are stored
   * first; a cache that is not done with that at once gets a turn of the event loop.
   */
  #takeAll(): void {
    for (const end of this.#ends) end.#drain();
    const storedCount = [...this.#ends].reduce((sum, end) => sum + end.#storeSessions(), 0);
    if (storedCount === 0) this.#makeAll();
    else setImmediate(() => this.#makeAll());
  }

  #makeAll(): void {
    for (const end of this.#ends) end.#makeCalls();
  }

  #drain(): void {
    for (
      let received = receiveMessageOnPort(this.#port);
      received !== undefined;
      received = receiveMessageOnPort(this.#port)
    ) {
      this.#take(received.message as Message);
    }
  }

  #take(message: Message): void {
    if (message instanceof Float64Array) {
      this.#figures = message;
      writeSharedStats(message, this.#cache.stats());
    } else {
      this.#calls.push(...message);
    }
  }

  /** How many there were. */
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
    // Nobody waits long for the others.
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
      this.#letterBox.post(answer, isUrgent);
      return;
    }
    const session = ownCopy(value);
    value.fill(0);
    this.#letterBox.post([call, session], isUrgent, session.buffer);
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
      return cache[message[1]](idBytes(message[2]));
    case 'put': {
      const [, , id, session, options] = message;
      try {
        return await cache.put(idBytes(id), session, options);
      } finally {
        session.fill(0);
      }
    }
    case 'promote':
      return cache.promote(message[2].map(idBytes), message[3]);
    case 'delete':
      return cache.delete(idBytes(message[2]), message[3]);
    case 'purge':
      return cache.purge(message[2]);
  }
}
