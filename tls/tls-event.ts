import type { ResumptionMode } from './resumption.ts';
import type { TlsAcceptErrorCode } from './tls-accept-error.ts';

/**
 * What an acceptor tells its owner, for logs and metrics:
 *
 * - `handshake`: a connection is there, after a full or a resumed handshake; `mode` is how it was resumed or,
 *   after a full one, how the client can come back
 * - `failure`: one is not
 * - `lookup`: a client asked for a session; `unknown` are expired ones too
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
      readonly address: string | undefined;
      readonly error: Error;
    }
  | { readonly kind: 'lookup'; readonly result: 'hit' | 'unknown' | 'timeout' | 'error' }
  | { readonly kind: 'cacheError'; readonly error: unknown };
