import type { ClientCertificatePolicy } from '../../tls/client-certificate.ts';
import type { Credential } from '../../tls/credential.ts';
import type { Resumption } from '../../tls/resumption.ts';
import type { TlsPolicy } from '../../tls/tls-policy.ts';
import type { ListeningPorts } from '../imap/imap-service.ts';

/** What serves clients: this thread itself, or workers. */
export interface Serving {
  /** Starts to listen. Rejects with the system's error where a port cannot be bound; close it then too. */
  listen(): Promise<ListeningPorts>;
  /** Sends away the clients that have logged in to an account. */
  disconnectAccount(accountId: number, text: string): void;
  /** Uses other credentials for the connections to come. At least one, and each one that TLS can use. */
  replaceCredentials(credentials: readonly Credential[]): void;
  /** Asks the clients to come for certificates by another policy, which TLS can use. */
  replaceClientCertificates(policy: ClientCertificatePolicy): void;
  /** Resumes no session any more that was made with this certificate, which has been purged. */
  forgetCertificate(fingerprint256: string): void;
  /**
   * Stops to accept, says `* BYE` to every client, lets what runs finish, and cuts off what is left after
   * `deadlineMs`.
   */
  close(deadlineMs: number): Promise<void>;
}

/** How clients are served. Plain data, which can be sent to another thread. */
export interface ServingSettings {
  /** Address to listen on; absent: all, IPv4 and IPv6. */
  readonly host?: string;
  /** 0: any free port, -1: off. */
  readonly imapPort: number;
  /** 0: any free port, -1: off. */
  readonly imapsPort: number;
  /** Threads that share the load, and so the bounds on connections and logins; at least 1. */
  readonly shareCount: number;
  /** The first is for clients that name no server. */
  readonly credentials: readonly Credential[];
  readonly tlsPolicy: TlsPolicy;
  /** Absent: clients are not asked for certificates. */
  readonly clientCertificates?: ClientCertificatePolicy;
  readonly resumptionKind: Resumption['kind'];
  /** How long a client can come back with a session, in milliseconds. */
  readonly sessionLifetimeMs: number;
  /** For finding a session, in milliseconds; absent: the default of the acceptor. */
  readonly lookupDeadlineMs?: number;
  /** With which remembered logins are hashed; 32 octets, the same for all threads, secret. */
  readonly verificationKey: Uint8Array;
}
