export type {
  AdmissionCounts,
  AdmissionEndReason,
  AdmissionEntry,
  AdmissionOptions,
  HandshakeTurn,
  Visitor,
} from './admission/admission.ts';
export { Admission, clearAdmissionCell, makeAdmissionCells } from './admission/admission.ts';
export type { Clock } from './time.ts';
export { steadyClock } from './time.ts';
export type {
  ClientCertificate,
  ClientCertificatePolicy,
} from './certificates/client-certificates.ts';
export type { ClientHello, ClientHelloResult } from './hello/client-hello.ts';
export { parseClientHello } from './hello/client-hello.ts';
export type { Credential, LoadedCredential } from './certificates/credentials.ts';
export { CredentialError, loadCredential } from './certificates/credentials.ts';
export type { CredentialFiles, CredentialWatcherOptions } from './certificates/file-watcher.ts';
export { CredentialWatcher } from './certificates/file-watcher.ts';
export type { DerivedTicketKeysOptions } from './tickets/ticket-keys.ts';
export { DerivedTicketKeys } from './tickets/ticket-keys.ts';
export { NullSessionCache } from './sessions/session-cache.ts';
export type { RedisSessionCacheOptions } from './sessions/redis/redis-cache.ts';
export { RedisSessionCache } from './sessions/redis/redis-cache.ts';
export { RemoteSessionCache } from './sessions/threads/remote-cache.ts';
export type { RandomTicketKeysOptions } from './tickets/ticket-keys.ts';
export { RandomTicketKeys } from './tickets/ticket-keys.ts';
export { ReplicatedTicketKeys } from './tickets/ticket-keys.ts';
export type { Resumption, ResumptionMode } from './hello/route.ts';
export type { SegmentSessionCacheOptions } from './sessions/memory/segment-cache.ts';
export { SegmentSessionCache } from './sessions/memory/segment-cache.ts';
export type {
  SelfSignedCertificate,
  SelfSignedCertificateOptions,
} from './certificates/self-signed.ts';
export { makeSelfSignedCertificate } from './certificates/self-signed.ts';
export type { CreateSessionCache, SessionCacheModuleOptions } from './sessions/cache-module.ts';
export { loadSessionCacheModule, SessionCacheModuleError } from './sessions/cache-module.ts';
export type {
  PurgeOwner,
  PutOptions,
  RemovalReason,
  SessionCache,
  SessionCacheStats,
} from './sessions/session-cache.ts';
export type { SharedSessionCacheOptions } from './sessions/threads/shared-cache.ts';
export { SharedSessionCache } from './sessions/threads/shared-cache.ts';
export { serveSessionCache } from './sessions/threads/serve.ts';
export type { TicketKey, TicketKeySource } from './tickets/ticket-keys.ts';
export type { TlsAcceptErrorCode } from './events.ts';
export { TlsAcceptError } from './events.ts';
export type { TlsAcceptorOptions } from './acceptor.ts';
export { TlsAcceptor } from './acceptor.ts';
export type { TlsConnection } from './handshake.ts';
export type { TlsEvent } from './events.ts';
export type { TlsPolicy } from './policy.ts';
export { tlsPolicies } from './policy.ts';
