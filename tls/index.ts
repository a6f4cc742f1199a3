export type {
  AdmissionCounts,
  AdmissionEndReason,
  AdmissionEntry,
  AdmissionOptions,
  HandshakeTurn,
  Visitor,
} from './admission.ts';
export { Admission, clearAdmissionCell, makeAdmissionCells } from './admission.ts';
export type { Clock } from './clock.ts';
export { steadyClock } from './clock.ts';
export type { ClientCertificate, ClientCertificatePolicy } from './client-certificate.ts';
export type { ClientHello, ClientHelloResult } from './client-hello.ts';
export { parseClientHello } from './client-hello.ts';
export type { Credential, LoadedCredential } from './credential.ts';
export { CredentialError, loadCredential } from './credential.ts';
export type { CredentialFiles, CredentialWatcherOptions } from './credential-watcher.ts';
export { CredentialWatcher } from './credential-watcher.ts';
export type { DerivedTicketKeysOptions } from './derived-ticket-keys.ts';
export { DerivedTicketKeys } from './derived-ticket-keys.ts';
export { NullSessionCache } from './null-session-cache.ts';
export type { RedisSessionCacheOptions } from './redis-session-cache.ts';
export { RedisSessionCache } from './redis-session-cache.ts';
export { RemoteSessionCache } from './remote-session-cache.ts';
export type { RandomTicketKeysOptions } from './random-ticket-keys.ts';
export { RandomTicketKeys } from './random-ticket-keys.ts';
export { ReplicatedTicketKeys } from './replicated-ticket-keys.ts';
export type { Resumption, ResumptionMode } from './resumption.ts';
export type { SegmentSessionCacheOptions } from './segment-session-cache.ts';
export { SegmentSessionCache } from './segment-session-cache.ts';
export type {
  SelfSignedCertificate,
  SelfSignedCertificateOptions,
} from './self-signed-certificate.ts';
export { makeSelfSignedCertificate } from './self-signed-certificate.ts';
export type { CreateSessionCache, SessionCacheModuleOptions } from './session-cache-module.ts';
export { loadSessionCacheModule, SessionCacheModuleError } from './session-cache-module.ts';
export type {
  PurgeOwner,
  PutOptions,
  RemovalReason,
  SessionCache,
  SessionCacheStats,
} from './session-cache.ts';
export type { SharedSessionCacheOptions } from './shared-session-cache.ts';
export { SharedSessionCache } from './shared-session-cache.ts';
export { serveSessionCache } from './serve-session-cache.ts';
export type { TicketKey, TicketKeySource } from './ticket-key.ts';
export type { TlsAcceptErrorCode } from './tls-accept-error.ts';
export { TlsAcceptError } from './tls-accept-error.ts';
export type { TlsAcceptorOptions } from './tls-acceptor.ts';
export { TlsAcceptor } from './tls-acceptor.ts';
export type { TlsConnection } from './tls-connection.ts';
export type { TlsEvent } from './tls-event.ts';
export type { TlsPolicy } from './tls-policy.ts';
export { tlsPolicies } from './tls-policy.ts';
