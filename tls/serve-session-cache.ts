import { setImmediate } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import {
  type AnswerMessage,
  type AttachMessage,
  type CallMessage,
  idOctets,
  ownCopy,
} from './remote-session-message.ts';
import type { SessionCache } from './session-cache.ts';
import { writeSharedStats } from './shared-stats.ts';

/**
 * Answers the {@link RemoteSessionCache} at the other end of a port out of a cache, until either end closes
 * the port. The port doesn't keep the process alive. Any number of ports may share a cache; none of them
 * closes it.
 */
export function serveSessionCache(cache: SessionCache, port: MessagePort): void {
  let figures: Float64Array | undefined;
  port.on('message', (message: AttachMessage | CallMessage) => {
    if (message instanceof Float64Array) {
      figures = message;
      writeSharedStats(figures, cache.stats());
      return;
    }
    const answer = (value: Uint8Array | number | undefined, error?: string) => {
      if (figures !== undefined) writeSharedStats(figures, cache.stats());
      sendAnswer(port, [message[0], value, error]);
    };
    apply(cache, message).then(
      (value) => answer(value ?? undefined),
      (error: unknown) => answer(undefined, error instanceof Error ? error.message : String(error)),
    );
  });
  port.unref();
}

async function apply(
  cache: SessionCache,
  message: CallMessage,
): Promise<Uint8Array | number | void> {
  switch (message[1]) {
    case 'get':
    case 'take':
      // The thread that made the session has spoken before its client could come to this one, but ports are
      // not read in the order of their messages: at the end of the turn all of them have been.
      await setImmediate();
      return cache[message[1]](idOctets(message[2]));
    case 'put': {
      const [, , id, session, options] = message;
      try {
        return await cache.put(idOctets(id), session, options);
      } finally {
        session.fill(0);
      }
    }
    case 'promote':
      return cache.promote(message[2].map(idOctets), message[3]);
    case 'delete':
      return cache.delete(idOctets(message[2]), message[3]);
    case 'purge':
      return cache.purge(message[2]);
  }
}

function sendAnswer(port: MessagePort, [call, value, error]: AnswerMessage): void {
  if (value instanceof Uint8Array) {
    const session = ownCopy(value);
    value.fill(0);
    port.postMessage([call, session] satisfies AnswerMessage, [session.buffer]);
  } else if (error === undefined) {
    port.postMessage([call, value] satisfies AnswerMessage);
  } else {
    port.postMessage([call, undefined, error] satisfies AnswerMessage);
  }
}
