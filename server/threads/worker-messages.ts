import type { MessagePort } from 'node:worker_threads';
import type { StoreLink } from '../../store/sqlite/sqlite-mail-store.ts';
import type { ClientCertificatePolicy } from '../../tls/client-certificate.ts';
import type { Credential } from '../../tls/credential.ts';
import type { TicketKey } from '../../tls/ticket-key.ts';
import type { LogLevel } from '../config/configuration.ts';
import type { ServingSettings } from './serving.ts';

/** What a worker is started with. */
export interface WorkerStart {
  /** From 1; a worker that replaces another has its number. */
  readonly workerNumber: number;
  readonly settings: ServingSettings;
  readonly logLevel: LogLevel;
  readonly ticketKeys: readonly TicketKey[];
  /** Where it counts; see `makeFigures`. */
  readonly figures: Float64Array;
  /** Its ports, and those below, are to be transferred. */
  readonly storeLink: StoreLink;
  /** To the session cache of the keeper. */
  readonly sessionPort: MessagePort;
  /** To the remembered logins of the keeper. */
  readonly rememberedPort: MessagePort;
}

/** From the keeper to a worker. */
export type WorkerCommand =
  | { readonly kind: 'listen' }
  | { readonly kind: 'disconnectAccount'; readonly accountId: number; readonly text: string }
  | { readonly kind: 'replaceCredentials'; readonly credentials: readonly Credential[] }
  | { readonly kind: 'replaceClientCertificates'; readonly policy: ClientCertificatePolicy }
  | { readonly kind: 'forgetCertificate'; readonly fingerprint256: string }
  | { readonly kind: 'replaceTicketKeys'; readonly ticketKeys: readonly TicketKey[] }
  | { readonly kind: 'close'; readonly deadlineMs: number };

/**
 * From a worker to the keeper:
 *
 * - `prepared`: everything is there, it can listen
 * - `listening`: it does
 * - `log`: lines of the log, with their line feeds; only the keeper writes, so that lines stay whole
 */
export type WorkerReport =
  | { readonly kind: 'prepared' }
  | { readonly kind: 'listening' }
  | { readonly kind: 'log'; readonly lines: string };
