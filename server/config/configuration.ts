import type { Capability } from '../../protocol/capability.ts';
import type { TlsPolicy } from '../../tls/index.ts';
import type {
  clientAuthModes,
  ConfigurationKey,
  ConfigurationValues,
  logLevels,
  storeEngines,
} from './configuration-schema.ts';
import type { TokenSettings } from '../authentication/token-verifier.ts';
import type { AccountsElsewhere } from '../imap/accounts-elsewhere.ts';
import type { RemoteMailboxes } from '../imap/remote-mailboxes.ts';
import { formatRemoteMailboxes } from './remote-mailboxes.ts';
import type { AccountCapabilities } from '../imap/account-capabilities.ts';
import type { ListenerSettings } from '../net/listener.ts';
import { formatCapabilitiesOff, type CapabilitiesOff } from './capabilities-off.ts';
import { formatElsewhere } from './elsewhere.ts';
import { formatListenAddress, type ListenAddress } from './listen-address.ts';
import { formatListeners } from './listeners.ts';
import { formatSessionCacheSetting, type SessionCacheSetting } from './session-cache-setting.ts';

/** What an operator can set, checked. Plain data, which can be sent to another thread. */
export interface Configuration {
  /** Where accounts, mail and the self-signed certificate are kept. */
  readonly dataDirectory: string;
  /** Where mail is kept: in the data directory, or in memory only as long as the server runs. Absent: `sqlite`. */
  readonly store?: StoreEngine;
  /** False: the mail store is not copied before it is migrated. Absent: true. */
  readonly backsUpMigrations?: boolean;
  /** Address or name to listen on; absent: every address, IPv4 and IPv6. */
  readonly host?: string;
  /** 0 = any free port, -1 = off. */
  readonly imapPort: number;
  /** 0 = any free port, -1 = off. */
  readonly imapsPort: number;
  /** Where to listen, instead of `host` and the two ports, which do not count then. */
  readonly listeners?: readonly ListenerSettings[];
  /** Addresses and ranges (`10.0.0.0/8`) of proxies whose PROXY headers count; absent: none. */
  readonly proxyRanges?: readonly string[];
  /** Absent: the default of each. */
  readonly bounds?: ConnectionBounds;
  /** Threads that serve clients; 0 = the main thread serves them itself, as it does if mail is kept in memory. */
  readonly workerCount: number;
  /** PEM files. The first is for clients that name no server. Empty: a self-signed one in the data directory. */
  readonly certificates: readonly CertificateFiles[];
  readonly tlsPolicy: TlsPolicy;
  /** Absent: clients are not asked for certificates. */
  readonly clientCertificates?: ClientCertificateFiles;
  readonly sessionCache: SessionCacheSetting;
  /** Files with secrets that machines share: the current one, then the one before. Empty: a random secret. */
  readonly sessionSecretPaths: readonly string[];
  /** How ticket keys come to OpenSSL. Absent: through Node's hook, if it is found to work. */
  readonly ticketKeyMode?: 'per_key';
  readonly sessionLifetimeSeconds: number;
  readonly sessionCacheBytes: number;
  /** Password checks (argon2) that run at one time, in all threads together. */
  readonly passwordChecks: number;
  /** Logins that wait for a check of their password, of all clients. */
  readonly waitingLogins: number;
  /** How long a guessed password is made to wait at most, in seconds; 0 = not at all. */
  readonly loginDelaySeconds: number;
  /** IMAP extensions that are neither announced nor understood. */
  readonly capabilitiesOff: readonly Capability[];
  /** Capabilities that are announced and that others bring than this server; absent: none. */
  readonly extraCapabilities?: readonly string[];
  /** More of them that are off for some accounts, by name; absent: none. */
  readonly accountCapabilitiesOff?: AccountCapabilities;
  /** Whose tokens clients can log in with; absent: none's. */
  readonly tokens?: TokenSettings;
  /** Accounts whose mail is on another server; absent: none. */
  readonly accountsElsewhere?: AccountsElsewhere;
  /** Mailboxes on other servers; absent: none. */
  readonly remoteMailboxes?: RemoteMailboxes;
  /** Where metrics are served. */
  readonly admin: ListenAddress;
  readonly logLevel: LogLevel;
}

/** Bounds on what clients may take, of the whole process; an absent one has its default. */
export interface ConnectionBounds {
  /** Connections at one time. Default 20,000. */
  readonly maxConnections?: number;
  /** Of these, connections that have not logged in. Default 16,384. */
  readonly maxConnectionsBeforeLogin?: number;
  /** Commands of one connection in one second before it has logged in. Default 50. */
  readonly maxCommandsPerSecondBeforeLogin?: number;
  /** From accept to login. Default 120. */
  readonly loginDeadlineSeconds?: number;
  /** From the last byte of a client that has logged in; at least 1800 (RFC 3501, section 5.4). Default 1860. */
  readonly autologoutSeconds?: number;
  /** Messages that one command may be about, if MESSAGELIMIT or SAVELIMIT is on. Default 10,000. */
  readonly messageLimit?: number;
  /** Connections from which on clients are put off that download in the background; 0, the default: never. */
  readonly backgroundConnections?: number;
}

/** Where a certificate and its key lie. */
export interface CertificateFiles {
  readonly certPath: string;
  readonly keyPath: string;
}

/** What certificates of clients are checked by. */
export interface ClientCertificateFiles {
  /** PEM: the authorities whose certificates count. */
  readonly caPath: string;
  /** PEM: what they have revoked. */
  readonly crlPath?: string;
  /** True: a client without a certificate gets no connection. */
  readonly isRequired: boolean;
}

/** The configuration of a server that writes nothing to disk; what only the command line needs it does without. */
export interface DisklessConfiguration extends Omit<Configuration, 'dataDirectory'> {
  readonly dataDirectory?: undefined;
  readonly store: 'memory';
}

/** What a server can run with. */
export type ServerConfiguration = Configuration | DisklessConfiguration;

/** Where mail is kept. */
export type StoreEngine = (typeof storeEngines)[number];

/** Whether clients are asked for certificates. */
export type ClientAuthMode = (typeof clientAuthModes)[number];

/** Lines below it are not logged. */
export type LogLevel = (typeof logLevels)[number];

/** The checked keys as the server uses them. */
export function toConfiguration(values: ConfigurationValues): Configuration {
  const clientCertificates = toClientCertificates(values);
  return {
    dataDirectory: values.REPRISE_DATA,
    store: values.REPRISE_STORE,
    backsUpMigrations: values.REPRISE_MIGRATION_BACKUP === 'on',
    ...(values.REPRISE_HOST !== undefined && { host: values.REPRISE_HOST }),
    ...toListeners(values),
    ...(values.REPRISE_PROXY_FROM.length > 0 && { proxyRanges: values.REPRISE_PROXY_FROM }),
    bounds: {
      maxConnections: values.REPRISE_MAX_CONNECTIONS,
      maxConnectionsBeforeLogin: values.REPRISE_MAX_CONNECTIONS_BEFORE_LOGIN,
      maxCommandsPerSecondBeforeLogin: values.REPRISE_MAX_COMMANDS_BEFORE_LOGIN,
      loginDeadlineSeconds: values.REPRISE_LOGIN_DEADLINE,
      autologoutSeconds: values.REPRISE_AUTOLOGOUT,
      messageLimit: values.REPRISE_MESSAGE_LIMIT,
      backgroundConnections: values.REPRISE_BACKGROUND_CONNECTIONS,
    },
    workerCount: values.REPRISE_STORE === 'memory' ? 0 : values.REPRISE_WORKERS,
    certificates: values.REPRISE_TLS_CERT.flatMap((certPath, index) => {
      const keyPath = values.REPRISE_TLS_KEY[index];
      return keyPath === undefined ? [] : [{ certPath, keyPath }];
    }),
    tlsPolicy: values.REPRISE_TLS_POLICY,
    ...(clientCertificates !== undefined && { clientCertificates }),
    sessionCache: values.REPRISE_SESSION_CACHE,
    sessionSecretPaths: values.REPRISE_SESSION_SECRET,
    ...(values.REPRISE_TICKET_KEYS !== 'auto' && { ticketKeyMode: values.REPRISE_TICKET_KEYS }),
    sessionLifetimeSeconds: values.REPRISE_SESSION_LIFETIME,
    sessionCacheBytes: values.REPRISE_SESSION_CACHE_BYTES,
    passwordChecks: values.REPRISE_PASSWORD_CHECKS,
    waitingLogins: values.REPRISE_WAITING_LOGINS,
    loginDelaySeconds: values.REPRISE_LOGIN_DELAY,
    ...toCapabilitiesOff(values.REPRISE_CAPABILITIES_OFF),
    ...(values.REPRISE_CAPABILITIES_EXTRA.length > 0 && {
      extraCapabilities: values.REPRISE_CAPABILITIES_EXTRA,
    }),
    ...toTokens(values),
    ...(values.REPRISE_REMOTE_MAILBOXES.length > 0 && {
      remoteMailboxes: values.REPRISE_REMOTE_MAILBOXES,
    }),
    ...(values.REPRISE_ELSEWHERE.size > 0 && { accountsElsewhere: values.REPRISE_ELSEWHERE }),
    admin: values.REPRISE_ADMIN_PORT,
    logLevel: values.REPRISE_LOG_LEVEL,
  };
}

function toCapabilitiesOff({ forAll: capabilitiesOff, forAccounts }: CapabilitiesOff) {
  if (forAccounts.size === 0) return { capabilitiesOff };
  return { capabilitiesOff, accountCapabilitiesOff: forAccounts };
}

function toTokens(values: ConfigurationValues): Pick<Configuration, 'tokens'> {
  const { REPRISE_OAUTH_ISSUER: issuer, REPRISE_OAUTH_KEYS: keys } = values;
  const { REPRISE_OAUTH_AUDIENCE: audiences, REPRISE_OAUTH_CLAIM: claim = 'email' } = values;
  if (issuer === undefined || keys === undefined) return {};
  return { tokens: { issuer, audiences, keys, claim } };
}

/** The two ports with their defaults, for a configuration without a list of listeners. */
export function withDefaultPorts(values: ConfigurationValues) {
  const { REPRISE_IMAP_PORT = 143, REPRISE_IMAPS_PORT = 993 } = values;
  return { REPRISE_IMAP_PORT, REPRISE_IMAPS_PORT };
}

function toListeners(values: ConfigurationValues) {
  const { REPRISE_LISTEN: listeners } = values;
  if (listeners !== undefined) return { imapPort: -1, imapsPort: -1, listeners };
  const { REPRISE_IMAP_PORT: imapPort, REPRISE_IMAPS_PORT: imapsPort } = withDefaultPorts(values);
  return { imapPort, imapsPort };
}

function toClientCertificates(values: ConfigurationValues): ClientCertificateFiles | undefined {
  const { REPRISE_TLS_CLIENT_AUTH: mode, REPRISE_TLS_CLIENT_CA: caPath } = values;
  if (mode === 'off' || caPath === undefined) return undefined;
  const crlPath = values.REPRISE_TLS_CLIENT_CRL;
  return { caPath, ...(crlPath !== undefined && { crlPath }), isRequired: mode === 'required' };
}

/**
 * The configuration as the keys that give it, for a person to read or to paste into a file. Passwords are
 * left out.
 */
export function toKeys(configuration: Configuration): ReadonlyMap<ConfigurationKey, string> {
  const { accountsElsewhere, remoteMailboxes } = configuration;
  const capabilitiesOff = {
    forAll: configuration.capabilitiesOff,
    forAccounts: configuration.accountCapabilitiesOff ?? new Map(),
  };
  const keys: readonly KeyValue[] = [
    ['REPRISE_DATA', configuration.dataDirectory],
    ['REPRISE_STORE', configuration.store ?? 'sqlite'],
    ['REPRISE_MIGRATION_BACKUP', configuration.backsUpMigrations === false ? 'off' : 'on'],
    ...networkKeys(configuration),
    ['REPRISE_WORKERS', configuration.workerCount],
    ...tlsKeys(configuration),
    ['REPRISE_PASSWORD_CHECKS', configuration.passwordChecks],
    ['REPRISE_WAITING_LOGINS', configuration.waitingLogins],
    ['REPRISE_LOGIN_DELAY', configuration.loginDelaySeconds],
    ['REPRISE_CAPABILITIES_OFF', formatCapabilitiesOff(capabilitiesOff)],
    ['REPRISE_ELSEWHERE', accountsElsewhere && formatElsewhere(accountsElsewhere)],
    ['REPRISE_CAPABILITIES_EXTRA', configuration.extraCapabilities?.join(' ')],
    ['REPRISE_BACKGROUND_CONNECTIONS', configuration.bounds?.backgroundConnections],
    ['REPRISE_REMOTE_MAILBOXES', remoteMailboxes && formatRemoteMailboxes(remoteMailboxes)],
    ['REPRISE_MESSAGE_LIMIT', configuration.bounds?.messageLimit],
    ...tokenKeys(configuration),
    ['REPRISE_ADMIN_PORT', formatListenAddress(configuration.admin, '127.0.0.1')],
    ['REPRISE_LOG_LEVEL', configuration.logLevel],
  ];
  return new Map(
    keys.flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)] as const])),
  );
}

/** A key and what it is set to; undefined if it is not set. */
type KeyValue = readonly [ConfigurationKey, string | number | undefined];

function networkKeys(configuration: Configuration): readonly KeyValue[] {
  const { listeners, proxyRanges = [], bounds = {} } = configuration;
  const port = (number: number) => (listeners === undefined ? number : undefined);
  return [
    ['REPRISE_HOST', configuration.host],
    ['REPRISE_IMAP_PORT', port(configuration.imapPort)],
    ['REPRISE_IMAPS_PORT', port(configuration.imapsPort)],
    ['REPRISE_LISTEN', listeners && formatListeners(listeners)],
    ['REPRISE_PROXY_FROM', listed(proxyRanges)],
    ['REPRISE_MAX_CONNECTIONS', bounds.maxConnections],
    ['REPRISE_MAX_CONNECTIONS_BEFORE_LOGIN', bounds.maxConnectionsBeforeLogin],
    ['REPRISE_MAX_COMMANDS_BEFORE_LOGIN', bounds.maxCommandsPerSecondBeforeLogin],
    ['REPRISE_LOGIN_DEADLINE', bounds.loginDeadlineSeconds],
    ['REPRISE_AUTOLOGOUT', bounds.autologoutSeconds],
  ];
}

function tlsKeys(configuration: Configuration): readonly KeyValue[] {
  const { certificates, clientCertificates, sessionSecretPaths } = configuration;
  return [
    ['REPRISE_TLS_CERT', listed(certificates.map(({ certPath }) => certPath))],
    ['REPRISE_TLS_KEY', listed(certificates.map(({ keyPath }) => keyPath))],
    ['REPRISE_TLS_POLICY', configuration.tlsPolicy],
    ['REPRISE_TLS_CLIENT_AUTH', clientAuthMode(clientCertificates)],
    ['REPRISE_TLS_CLIENT_CA', clientCertificates?.caPath],
    ['REPRISE_TLS_CLIENT_CRL', clientCertificates?.crlPath],
    ['REPRISE_SESSION_CACHE', formatSessionCacheSetting(configuration.sessionCache)],
    ['REPRISE_SESSION_SECRET', listed(sessionSecretPaths)],
    ['REPRISE_TICKET_KEYS', configuration.ticketKeyMode ?? 'auto'],
    ['REPRISE_SESSION_LIFETIME', configuration.sessionLifetimeSeconds],
    ['REPRISE_SESSION_CACHE_BYTES', configuration.sessionCacheBytes],
  ];
}

function tokenKeys({ tokens }: Configuration): readonly KeyValue[] {
  return [
    ['REPRISE_OAUTH_ISSUER', tokens?.issuer],
    ['REPRISE_OAUTH_AUDIENCE', listed(tokens?.audiences ?? [])],
    ['REPRISE_OAUTH_KEYS', tokens?.keys],
    ['REPRISE_OAUTH_CLAIM', tokens?.claim],
  ];
}

function listed(items: readonly string[]): string | undefined {
  return items.length === 0 ? undefined : items.join(',');
}

function clientAuthMode(files: ClientCertificateFiles | undefined): ClientAuthMode {
  if (files === undefined) return 'off';
  return files.isRequired ? 'required' : 'optional';
}
