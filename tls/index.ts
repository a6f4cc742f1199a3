export type { Clock } from './clock.ts';
export { steadyClock } from './clock.ts';
export type { ClientHello, ClientHelloResult } from './client-hello.ts';
export { parseClientHello } from './client-hello.ts';
export type { Credential, LoadedCredential } from './credential.ts';
export { CredentialError, loadCredential } from './credential.ts';
export { NullSessionCache } from './null-session-cache.ts';
export { RemoteSessionCache } from './remote-session-cache.ts';
export type { SegmentSessionCacheOptions } from './segment-session-cache.ts';
export { SegmentSessionCache } from './segment-session-cache.ts';
export type {
  SelfSignedCertificate,
  SelfSignedCertificateOptions,
} from './self-signed-certificate.ts';
export { makeSelfSignedCertificate } from './self-signed-certificate.ts';
export type {
  PurgeOwner,
  PutOptions,
  RemovalReason,
  SessionCache,
  SessionCacheStats,
} from './session-cache.ts';
export { serveSessionCache } from './serve-session-cache.ts';
export type { TlsAcceptErrorCode } from './tls-accept-error.ts';
export { TlsAcceptError } from './tls-accept-error.ts';
export type { TlsAcceptorOptions } from './tls-acceptor.ts';
export { TlsAcceptor } from './tls-acceptor.ts';
export type { TlsConnection } from './tls-connection.ts';
export type { TlsEvent } from './tls-event.ts';
