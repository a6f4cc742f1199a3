import { TLSSocket } from 'node:tls';

type Destroy = (
  this: TLSSocket,
  error: Error | null,
  callback: (error?: Error | null) => void,
) => void;

const socketOfTls = TLSSocket.prototype as unknown as { _destroy: Destroy };
let isGuarded = false;

/**
 * Lets Node tell no socket of TLS that is destroyed of its ClientHello, from the first call on.
 *
 * To ask for a session Node tells the socket of its hello in the next turn of the event loop, and does not look whether
 * the client has left meanwhile: without a session id that was an exception that ended the process
 * (`TLSWrap.loadSession` of Node 26.10). Harmless if another Node tells it otherwise.
 */
export function ignoreLateHellos(): void {
  if (isGuarded) return;
  isGuarded = true;
  const { _destroy: destroy } = socketOfTls;
  socketOfTls._destroy = function (error, callback) {
    const { _handle: handle } = this as unknown as {
      readonly _handle?: { onclienthello?: () => void } | null;
    };
    if (handle?.onclienthello !== undefined) handle.onclienthello = ignore;
    destroy.call(this, error, callback);
  };
}

function ignore(): void {}
