import type { ResumptionMode } from './hello/route.ts';

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
      /** As in `TlsConnection`. */
      readonly group: string;
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

/**
 * Why a connection did not reach TLS:
 *
 * - `NOT_TLS`: the client sent something else, such as a plain IMAP command on the port for TLS
 * - `HELLO_TOO_LARGE`, `HELLO_TIMEOUT`: the ClientHello has more than 128 KiB, or did not come in time
 * - `TOO_MANY_PENDING`: too many connections have not logged in; it was idle for longest of the address with most
 * - `CLOSED`: the client left before its ClientHello was there
 * - `HANDSHAKE_FAILED`: TLS refused, the client left in the middle, or it took too long
 * - `CLIENT_CERTIFICATE_REFUSED`: a valid client certificate is required, and this one is not
 * - `ACCEPTOR_CLOSED`: the acceptor was closed
 */
export type TlsAcceptErrorCode =
  | 'NOT_TLS'
  | 'HELLO_TOO_LARGE'
  | 'HELLO_TIMEOUT'
  | 'TOO_MANY_PENDING'
  | 'CLOSED'
  | 'HANDSHAKE_FAILED'
  | 'CLIENT_CERTIFICATE_REFUSED'
  | 'ACCEPTOR_CLOSED';

/**
 * What {@link TlsAcceptor.accept} rejects with; `cause` is the error of TLS or of the socket, if there was one. It
 * has no stack trace: it is about what a client did, and floods of clients would fill logs with theirs.
 */
export class TlsAcceptError extends Error {
  override readonly name = 'TlsAcceptError';
  readonly code: TlsAcceptErrorCode;

  constructor(code: TlsAcceptErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.stack = `${this.name}: ${message}`;
  }
}

/** Whether a connection did not reach TLS because its client speaks something else. */
export function isNotTls(error: unknown): boolean {
  return error instanceof TlsAcceptError && error.code === 'NOT_TLS';
}

/**
 * The error of a handshake that failed, without what OpenSSL says of its own inside.
 *
 * @param cause - the error of TLS or of the socket, or else the reason, as the end of a sentence
 */
export function handshakeError(cause: unknown): TlsAcceptError {
  const text = cause instanceof Error ? cause.message : String(cause);
  // OpenSSL's own errors: thread, code, library, function, reason, place.
  const reason = /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)/.exec(text)?.[1] ?? text;
  const message = `Cannot finish the TLS handshake: ${reason}`;
  return new TlsAcceptError('HANDSHAKE_FAILED', message, cause instanceof Error ? { cause } : {});
}

/** Whether OpenSSL has refused a client because it has shown no certificate. */
export function isCertificateMissing(error: Error): boolean {
  return 'code' in error && error.code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE';
}

/** @param reason - why the certificate is not valid, as the end of a sentence */
export function certificateError(reason = 'there is none'): TlsAcceptError {
  return new TlsAcceptError(
    'CLIENT_CERTIFICATE_REFUSED',
    `Cannot take the client certificate: ${reason}`,
  );
}
