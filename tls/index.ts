// The one door of tls/: other folders import nothing else of it, so that its inside can move.

// Bringing connections to TLS
export { TlsAcceptor, type TlsAcceptorOptions } from './acceptor.ts';
export { type TlsConnection } from './handshake.ts';
export { type ChannelBindingType, channelBindingTypes, isBoundTo } from './channel-binding.ts';
export { isNotTls, TlsAcceptError, type TlsAcceptErrorCode, type TlsEvent } from './events.ts';
export { type TlsPolicy, optionsOfPolicy, tlsPolicies } from './policy.ts';
export { type Resumption, type ResumptionMode } from './hello/route.ts';
export { noRoomAlert } from './hello/hello-records.ts';

// Whether clients resume here
export { proveResumption, type ProveResumptionOptions } from './proof/prove.ts';
export { makeThrowAwayCredential } from './proof/throw-away-credential.ts';
export {
  planResumption,
  type ProofKind,
  proofKinds,
  type ProofResult,
  type ResumptionPlan,
  type ResumptionProof,
  type VersionPlan,
} from './proof/verdict.ts';

// Who may come, and when
export {
  Admission,
  type AdmissionCounts,
  type AdmissionEndReason,
  type AdmissionEntry,
  type AdmissionOptions,
  type HandshakeTurn,
  type Visitor,
  clearAdmissionCell,
  makeAdmissionCells,
} from './admission/admission.ts';
export {
  type Stranger,
  StrangerInput,
  type StrangerInputOptions,
} from './admission/stranger-input.ts';
export { addressGroup } from './address-group.ts';

// Certificates
export {
  type Credential,
  CredentialError,
  type LoadedCredential,
  loadCredential,
} from './certificates/credentials.ts';
export {
  type CredentialFiles,
  CredentialWatcher,
  type CredentialWatcherOptions,
  FileWatcher,
  type FileWatcherOptions,
} from './certificates/file-watcher.ts';
export { warningOfSecretFile } from './secret-file.ts';
export { neverShown } from './certificates/served-credentials.ts';
export {
  type ClientCertificate,
  type ClientCertificatePolicy,
  ClientTrust,
} from './certificates/client-certificates.ts';
export {
  type SelfSignedCertificate,
  type SelfSignedCertificateOptions,
  makeSelfSignedCertificate,
} from './certificates/self-signed.ts';

// Ticket keys
export {
  DerivedTicketKeys,
  type DerivedTicketKeysOptions,
  RandomTicketKeys,
  type RandomTicketKeysOptions,
  ReplicatedTicketKeys,
  type TicketKey,
  type TicketKeySource,
} from './tickets/ticket-keys.ts';
export { hasTicketHook } from './tickets/ticket-hook.ts';
export { type TicketKeyMode } from './tickets/ticket-routes.ts';

// Session caches
export {
  type Answer,
  NullSessionCache,
  PurgeError,
  type PurgeOwner,
  type PutOptions,
  type RemovalReason,
  type SessionCache,
  type SessionCacheStats,
} from './sessions/session-cache.ts';
export {
  type CreateSessionCache,
  SessionCacheModuleError,
  type SessionCacheModuleOptions,
  loadSessionCacheModule,
} from './sessions/cache-module.ts';
export {
  SegmentSessionCache,
  type SegmentSessionCacheOptions,
} from './sessions/memory/segment-cache.ts';
export {
  SharedSessionCache,
  type SharedSessionCacheOptions,
} from './sessions/threads/shared-cache.ts';
export { RemoteSessionCache } from './sessions/threads/remote-cache.ts';
export { makeSentCalls, serveSessionCache } from './sessions/threads/serve.ts';
export { RedisSessionCache, type RedisSessionCacheOptions } from './sessions/redis/redis-cache.ts';
export { parseRedisUrl } from './sessions/redis/redis-url.ts';

// Time, bytes, lists and bounds
export { type Clock, DetachedTimer, steadyClock } from './time.ts';
export { hashBytes, makeHashSeed } from './bytes.ts';
export { type Linked, LinkedList } from './linked-list.ts';
export { segmentLimits, tlsLimits } from './limits.ts';
