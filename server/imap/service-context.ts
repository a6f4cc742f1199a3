import type { Logger } from 'pino';
import type { Capability } from '../../protocol/capability.ts';
import type { MailStore } from '../../store/mail-store.ts';
import type { Clock, StrangerInput, TlsAcceptor } from '../../tls/index.ts';
import type { PasswordVerifier, ScramVerifier } from '../authentication/password-verifier.ts';
import type { TokenVerifier } from '../authentication/token-verifier.ts';
import type { MetricsRecorder } from '../metrics/metrics-recorder.ts';
import type { StrangerLog } from '../net/stranger-log.ts';
import type { ContextBudget } from './contexts/context-budget.ts';
import type { AccountInput } from './account-input.ts';
import type { AccountsElsewhere } from './accounts-elsewhere.ts';
import type { BackgroundClients } from './background-clients.ts';
import type { MetadataBudget } from './metadata-budget.ts';
import type { RemoteMailboxes } from './remote-mailboxes.ts';
import type { ServiceLimits } from './limits.ts';
import type { AccountWatches } from './notify/account-watch.ts';
import type { MailboxFeeds } from './mailbox-feeds.ts';

/** What all connections of a service share. */
export interface ServiceContext {
  readonly store: MailStore;
  readonly acceptor: TlsAcceptor;
  readonly verifier: PasswordVerifier;
  /** Undefined: nobody can log in by SCRAM. */
  readonly scram: ScramVerifier | undefined;
  /** Undefined: nobody can log in by a token. */
  readonly tokens: TokenVerifier | undefined;
  readonly logger: Logger;
  /** For lines that a client can cause without logging in. */
  readonly strangers: StrangerLog;
  readonly metrics: MetricsRecorder;
  /** Wall clock, for dates. */
  readonly clock: Clock;
  /** A clock that nobody sets, for durations. */
  readonly steadyClock: Clock;
  readonly limits: ServiceLimits;
  /** Neither announced nor understood. */
  readonly capabilitiesOff: ReadonlySet<Capability>;
  /** The same for some accounts, those for all included; by `accountKey`. */
  readonly accountCapabilitiesOff: ReadonlyMap<string, ReadonlySet<Capability>>;
  /** Accounts that are told where else their mail is. */
  readonly accountsElsewhere: AccountsElsewhere;
  readonly remoteMailboxes: RemoteMailboxes;
  readonly feeds: MailboxFeeds;
  readonly accountWatches: AccountWatches;
  readonly strangerInput: StrangerInput;
  readonly contextBudget: ContextBudget;
  readonly metadataBudget: MetadataBudget;
  readonly accountInput: AccountInput;
  readonly backgroundClients: BackgroundClients;
  /** Announced without being understood. */
  readonly extraCapabilities: readonly string[];
}
