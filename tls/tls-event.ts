import type { ResumptionMode } from './resumption.ts';
import type { TlsAcceptErrorCode } from './tls-accept-error.ts';

/**
 * What an acceptor tells its owner, for logs and metrics:
 *
 * - `handshake`: a connection is there, after a full or a resumed handshake; `mode` is how it was resumed or,
 *   after a full one, how the client can come back
 * - `failure`: one is not; `mode` is how the client would have come back
 * - `lookup`: a client asked for a session; `unknown` are also those that have expired in the cache, `expired`
 *   those that it still had
 * - `cacheError`: the session cache failed; the client does not notice
 */
export type TlsEvent =
  | {
      readonly kind: 'handshake';
      readonly outcome: 'full' | 'resumed';
      readonly mode: ResumptionMode;
      /** `TLSv1.2`, `TLSv1.3` and the like. */
      readonly protocol: string;
    }
  | {
      readonly kind: 'failure';
      readonly code: TlsAcceptErrorCode;
      readonly mode: ResumptionMode;
      /** The best that the client offered; `unknown` without a ClientHello. */
      readonly protocol: string;
      readonly address: string | undefined;
      readonly error: Error;
    }
  | {
      readonly kind: 'lookup';
      readonly result: 'hit' | 'unknown' | 'expired' | 'timeout' | 'error';
    }
  | { readonly kind: 'cacheError'; readonly error: unknown };
