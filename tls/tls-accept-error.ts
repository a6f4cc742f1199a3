/**
 * Why a connection did not reach TLS:
 *
 * - `NOT_TLS`: the client sent something else, such as a plain IMAP command on the port for TLS
 * - `HELLO_TOO_LARGE`, `HELLO_TIMEOUT`: the ClientHello broke a bound
 * - `TOO_MANY_PENDING`: too many connections have not logged in, and it was idle for longest of the addresses' that had most
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

/** @param reason - why the certificate is not valid, as the end of a sentence */
export function certificateError(reason: string): TlsAcceptError {
  return new TlsAcceptError(
    'CLIENT_CERTIFICATE_REFUSED',
    `Cannot take the client certificate: ${reason}`,
  );
}
