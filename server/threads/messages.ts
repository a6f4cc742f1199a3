// What the main thread and its workers say to each other.
import type { MessagePort } from 'node:worker_threads';
import type { StoreLink } from '../../store/opened-store.ts';
import {
  type ClientCertificatePolicy,
  type Credential,
  type TicketKey,
  tlsLimits,
} from '../../tls/index.ts';
import type { PasswordCheckLink } from '../authentication/password-check-link.ts';
import type { LogLevel } from '../config/configuration.ts';
import type { ConnectionOwner } from '../imap/imap-service.ts';
import type { MailServerSettings, PurgedCertificate } from './mail-server.ts';

/** What a worker is started with. */
export interface WorkerStart {
  /** From 1; a worker that replaces another has its number. */
  readonly workerNumber: number;
  /** As they are now: see {@link settingsAfter}. */
  readonly settings: MailServerSettings;
  readonly logLevel: LogLevel;
  readonly ticketKeys: readonly TicketKey[];
  /** Where it counts; see `makeMetricValues`. */
  readonly metricValues: Float64Array;
  /** Its ports, and those below, are to be transferred. */
  readonly storeLink: StoreLink;
  /** To the session cache of the main thread. */
  readonly sessionPort: MessagePort;
  /** To the verified logins of the main thread. */
  readonly verifiedLoginsPort: MessagePort;
  /** To the queue of password checks in the main thread. */
  readonly passwordChecks: PasswordCheckLink;
}

/** From the main thread to a worker: calls of `MailServer`, and new ticket keys. */
export type MessageToWorker =
  | { readonly kind: 'listen' }
  | {
      readonly kind: 'disconnect';
      /** Which its answer repeats. */
      readonly call: number;
      readonly owner: ConnectionOwner;
      readonly text: string;
    }
  | { readonly kind: 'replaceCredentials'; readonly credentials: readonly Credential[] }
  | { readonly kind: 'replaceClientCertificates'; readonly policy: ClientCertificatePolicy }
  | {
      readonly kind: 'forgetCertificate';
      readonly fingerprint256: string;
      /** In milliseconds of the steady clock. */
      readonly purgedAt: number;
    }
  | { readonly kind: 'replaceTicketKeys'; readonly ticketKeys: readonly TicketKey[] }
  | { readonly kind: 'close'; readonly deadlineMs: number };

/**
 * From a worker to the main thread:
 *
 * - `prepared`: everything is there, it can listen
 * - `listening`: it does
 * - `disconnected`: how many connections it has told to end
 * - `log`: lines of the log, with their line feeds; only the main thread writes, so that lines stay whole
 */
export type MessageFromWorker =
  | { readonly kind: 'prepared' }
  | { readonly kind: 'listening' }
  | { readonly kind: 'disconnected'; readonly call: number; readonly count: number }
  | { readonly kind: 'log'; readonly lines: string };

/**
 * The settings for workers that start after this message was sent to the others, so that a replacement knows
 * all that the worker before it was told. Who adds a message decides here what replacements need of it.
 *
 * @param nowMs - by the steady clock
 */
export function settingsAfter(
  settings: MailServerSettings,
  message: MessageToWorker,
  nowMs: number,
): MailServerSettings {
  switch (message.kind) {
    case 'replaceCredentials':
      return { ...settings, credentials: message.credentials };
    case 'replaceClientCertificates':
      return { ...settings, clientCertificates: message.policy };
    case 'forgetCertificate': {
      const { fingerprint256, purgedAt } = message;
      const earlier = settings.purgedCertificates.filter(
        (purged) => purged.fingerprint256 !== fingerprint256 && isInForce(purged, nowMs),
      );
      const purgedCertificates = [...earlier, { fingerprint256, purgedAt }];
      return { ...settings, purgedCertificates };
    }
    // A new worker has no clients, gets the ticket keys of its time, and is told when to listen and to close.
    case 'disconnect':
    case 'replaceTicketKeys':
    case 'listen':
    case 'close':
      return settings;
    default:
      return message satisfies never;
  }
}

/** Whether there may still be a session that is older than the purge. */
function isInForce({ purgedAt }: PurgedCertificate, nowMs: number): boolean {
  return nowMs < purgedAt + tlsLimits.resumptionChainMs;
}
