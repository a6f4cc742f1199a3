import type { TLSSocket } from 'node:tls';

/** A connection whose handshake is done. */
export interface TlsConnection {
  /** The owner's from here on; it wants an `error` listener before the next event. */
  readonly socket: TLSSocket;
  /** Whether the client came back with a session. */
  readonly isResumed: boolean;
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly protocol: string;
  /** Ids of the sessions with which the client can come back. */
  readonly sessionIds: readonly Uint8Array[];
  /** The name the client asked for, not validated. */
  readonly serverName: string | undefined;
}
