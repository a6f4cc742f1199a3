import { isIP } from 'node:net';
import * as z from 'zod';
import { parseByteSize } from './byte-size.ts';

/** What an operator can set, checked. */
export interface Configuration {
  /** Where accounts, mail and the self-signed certificate are kept. */
  readonly dataDirectory: string;
  /** Address or name to listen on; absent: every address, IPv4 and IPv6. */
  readonly host?: string;
  /** 0 = any free port, -1 = off. */
  readonly imapPort: number;
  /** 0 = any free port, -1 = off. */
  readonly imapsPort: number;
  /** PEM files; both or neither. Absent: a self-signed certificate in the data directory. */
  readonly tls?: { readonly certPath: string; readonly keyPath: string };
  readonly sessionLifetimeSeconds: number;
  readonly sessionCacheBytes: number;
  readonly logLevel: LogLevel;
}

export type LogLevel = (typeof logLevels)[number];

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const mebibyte = 1024 * 1024;

/** A chain of resumptions ends after a day, so no session is of use for longer. */
const maxSessionLifetimeSeconds = 24 * 60 * 60;

/** The message of each schema is the text of what is allowed. */
const port = z
  .string()
  .regex(/^(?:-1|\d{1,5})$/, portText())
  .transform(Number)
  .refine((value) => value <= 65_535, portText());

const path = z.string().refine((value) => !value.includes('\0'), 'must be a path');

/**
 * The keys of the configuration, in the order in which they are shown. Every value comes as text, so that
 * the environment and the file follow the same rules.
 */
export const configurationSchema = z.strictObject({
  REPRISE_DATA: path.default('./data'),
  REPRISE_HOST: z
    .string()
    .refine(isHost, 'must be an IP address or a host name (absent = all addresses)')
    .optional(),
  REPRISE_IMAP_PORT: port.default(143),
  REPRISE_IMAPS_PORT: port.default(993),
  REPRISE_TLS_CERT: path.optional(),
  REPRISE_TLS_KEY: path.optional(),
  REPRISE_SESSION_LIFETIME: z
    .string()
    .regex(/^\d{1,6}$/, lifetimeText())
    .transform(Number)
    .refine((value) => value >= 1 && value <= maxSessionLifetimeSeconds, lifetimeText())
    .default(7200),
  REPRISE_SESSION_CACHE_BYTES: z
    .string()
    .transform((text) => parseByteSize(text) ?? Number.NaN)
    .refine((bytes) => bytes >= mebibyte && bytes <= 64 * 1024 * mebibyte, cacheText())
    .default(64 * mebibyte),
  REPRISE_LOG_LEVEL: z
    .enum(logLevels, { error: `must be one of ${logLevels.join(', ')}` })
    .default('info'),
});

export type ConfigurationKey = keyof typeof configurationSchema.shape;

export const configurationKeys = Object.keys(
  configurationSchema.shape,
) as readonly ConfigurationKey[];

/** The checked keys as the server uses them. */
export function toConfiguration(values: z.output<typeof configurationSchema>): Configuration {
  return {
    dataDirectory: values.REPRISE_DATA,
    ...(values.REPRISE_HOST !== undefined && { host: values.REPRISE_HOST }),
    imapPort: values.REPRISE_IMAP_PORT,
    imapsPort: values.REPRISE_IMAPS_PORT,
    ...(values.REPRISE_TLS_CERT !== undefined &&
      values.REPRISE_TLS_KEY !== undefined && {
        tls: { certPath: values.REPRISE_TLS_CERT, keyPath: values.REPRISE_TLS_KEY },
      }),
    sessionLifetimeSeconds: values.REPRISE_SESSION_LIFETIME,
    sessionCacheBytes: values.REPRISE_SESSION_CACHE_BYTES,
    logLevel: values.REPRISE_LOG_LEVEL,
  };
}

/** The configuration as the keys that give it, for a person to read or to paste into a file. */
export function toKeys(configuration: Configuration): ReadonlyMap<ConfigurationKey, string> {
  const keys = new Map<ConfigurationKey, string>();
  keys.set('REPRISE_DATA', configuration.dataDirectory);
  if (configuration.host !== undefined) keys.set('REPRISE_HOST', configuration.host);
  keys.set('REPRISE_IMAP_PORT', String(configuration.imapPort));
  keys.set('REPRISE_IMAPS_PORT', String(configuration.imapsPort));
  if (configuration.tls !== undefined) {
    keys.set('REPRISE_TLS_CERT', configuration.tls.certPath);
    keys.set('REPRISE_TLS_KEY', configuration.tls.keyPath);
  }
  keys.set('REPRISE_SESSION_LIFETIME', String(configuration.sessionLifetimeSeconds));
  keys.set('REPRISE_SESSION_CACHE_BYTES', String(configuration.sessionCacheBytes));
  keys.set('REPRISE_LOG_LEVEL', configuration.logLevel);
  return keys;
}

function isHost(text: string): boolean {
  if (isIP(text) !== 0) return true;
  // Digits and dots alone are an address that is wrong, not a name.
  if (/^[\d.]+$/.test(text)) return false;
  return /^(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.?$/.test(text);
}

function portText(): string {
  return 'must be a port from 0 to 65535 (0 = any free port) or -1 (off)';
}

function lifetimeText(): string {
  return `must be a whole number of seconds from 1 to ${maxSessionLifetimeSeconds}`;
}

function cacheText(): string {
  return 'must be a size from 1MiB to 64GiB (plain octets, or with KiB, MiB, GiB, kB, MB, GB)';
}
