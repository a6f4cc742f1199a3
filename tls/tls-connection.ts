import type { TLSSocket } from 'node:tls';
import type { ClientCertificate } from './client-certificate.ts';
import type { ResumptionMode } from './resumption.ts';

/** A connection whose handshake is done. */
export interface TlsConnection {
  /** The owner's from here on; it wants an `error` listener before the next event. */
  readonly socket: TLSSocket;
  /** Whether the client came back with a session. */
  readonly isResumed: boolean;
  /** How it was resumed or, after a full handshake, how the client can come back. */
  readonly mode: ResumptionMode;
  /** `TLSv1.2`, `TLSv1.3` and the like. */
  readonly protocol: string;
  /** Ids of the sessions in the cache with which the client can come back. */
  readonly sessionIds: readonly Uint8Array[];
  /** The name the client asked for, not validated. */
  readonly serverName: string | undefined;
  /** What the client has shown where it was asked, and whether it is valid now. `socket.authorized` is history. */
  readonly clientCertificate: ClientCertificate | undefined;
}
