import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import * as z from 'zod';
import { segmentLimits, tlsLimits, tlsPolicies } from '../../tls/index.ts';
import { defaultMessageLimit } from '../../protocol/limits.ts';
import { parseByteSize } from './byte-size.ts';
import { parseCapabilitiesExtra } from './capabilities-extra.ts';
import { defaultCapabilitiesOff, parseCapabilitiesOff } from './capabilities-off.ts';
import { parseElsewhere } from './elsewhere.ts';
import { parseRemoteMailboxes } from './remote-mailboxes.ts';
import { parseListenAddress } from './listen-address.ts';
import { listenerForms, parseAddressRanges, parseListeners } from './listeners.ts';
import {
  parseSessionCacheSetting,
  sessionCacheForms,
  withoutPassword,
} from './session-cache-setting.ts';
import { defaultDataDirectory } from './default-data-directory.ts';

/** Values of `REPRISE_LOG_LEVEL`. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** Values of `REPRISE_STORE`. */
export const storeEngines = ['sqlite', 'memory'] as const;

const migrationBackups = ['on', 'off'] as const;

/** Values of `REPRISE_TLS_CLIENT_AUTH`. */
export const clientAuthModes = ['off', 'optional', 'required'] as const;

/** Values of `REPRISE_TICKET_KEYS`. */
export const ticketKeyChoices = ['auto', 'per_key'] as const;

const mebibyte = 1024 * 1024;

/** A chain of resumptions ends after a day, so no session can be used for longer. */
const maxSessionLifetimeSeconds = tlsLimits.resumptionChainMs / 1000;

/** Each worker takes memory and file descriptors of its own; more than there are cores do not help. */
const maxWorkerCount = 256;

/** Each runs on a thread of its own of libuv's pool, which has at most 1,024. */
const maxPasswordChecks = 1_023;

/** A waiting login takes about a kilobyte, beside its connection. */
const waitingLogins = { min: 16, max: 1_000_000 };

/** Longer, and no login would be answered before the client gives up. */
const maxLoginDelaySeconds = 30;
/** RFC 9738, section 3: a limit should not be lower. */
const leastMessageLimit = 1_000;
/** RFC 3501, section 5.4: a client that says nothing may stay for at least 30 minutes. */
const minAutologoutSeconds = 30 * 60;

/** The message of each schema is the text of what is allowed. */
const port = z
  .string()
  .regex(/^(?:-1|\d{1,5})$/, portText())
  .transform(Number)
  .refine((value) => value <= 65_535, portText());

const path = z.string().refine(isPath, 'must be a path');

const paths = z
  .string()
  .transform((text) => text.split(',').map((item) => item.trim()))
  .refine((list) => list.every((item) => item !== '' && isPath(item)), {
    error: 'must be a path, or several with commas between them',
  });

/**
 * The keys of the configuration, in the order in which they are shown. Every value comes as text, so that
 * the environment and the file follow the same rules.
 */
export const configurationSchema = z.strictObject({
  REPRISE_DATA: path.default(defaultDataDirectory),
  REPRISE_STORE: z
    .enum(storeEngines, { error: `must be one of ${storeEngines.join(', ')}` })
    .default('sqlite'),
  REPRISE_MIGRATION_BACKUP: z
    .enum(migrationBackups, { error: `must be one of ${migrationBackups.join(', ')}` })
    .default('on'),
  REPRISE_HOST: z
    .string()
    .refine(isHost, 'must be an IP address or a host name (absent = all addresses)')
    .optional(),
  REPRISE_IMAP_PORT: port.optional(),
  REPRISE_IMAPS_PORT: port.optional(),
  REPRISE_LISTEN: parsed(parseListeners, listenerForms).optional(),
  REPRISE_PROXY_FROM: parsed(
    parseAddressRanges,
    'must be an IP address or a range (10.0.0.0/8, fd00::/8), or several with commas between them',
  ).default([]),
  REPRISE_MAX_CONNECTIONS: wholeNumber(1, 1_000_000, 'connections').default(20_000),
  REPRISE_MAX_CONNECTIONS_BEFORE_LOGIN: wholeNumber(1, 1_000_000, 'connections').default(16_384),
  REPRISE_MAX_COMMANDS_BEFORE_LOGIN: wholeNumber(1, 1_000_000, 'commands').default(50),
  REPRISE_LOGIN_DEADLINE: wholeNumber(1, 86_400, 'seconds').default(120),
  REPRISE_AUTOLOGOUT: wholeNumber(minAutologoutSeconds, 7 * 86_400, 'seconds').default(1_860),
  REPRISE_WORKERS: z
    .string()
    .regex(/^\d{1,3}$/, workersText())
    .transform(Number)
    .refine((count) => count <= maxWorkerCount, workersText())
    .default(() => availableParallelism()),
  REPRISE_TLS_CERT: paths.default([]),
  REPRISE_TLS_KEY: paths.default([]),
  REPRISE_TLS_POLICY: z
    .enum(tlsPolicies, { error: `must be one of ${tlsPolicies.join(', ')}` })
    .default('intermediate'),
  REPRISE_TLS_CLIENT_AUTH: z
    .enum(clientAuthModes, { error: `must be one of ${clientAuthModes.join(', ')}` })
    .default('off'),
  REPRISE_TLS_CLIENT_CA: path.optional(),
  REPRISE_TLS_CLIENT_CRL: path.optional(),
  REPRISE_SESSION_CACHE: z
    .string()
    .transform((text, context) => {
      const refuse = (message: string) => {
        context.addIssue({ code: 'custom', message });
        return z.NEVER;
      };
      try {
        return parseSessionCacheSetting(text) ?? refuse(`must be one of ${sessionCacheForms}`);
      } catch (error) {
        return refuse(`is wrong: ${withoutPassword((error as Error).message)}`);
      }
    })
    .default({ kind: 'memory' }),
  REPRISE_SESSION_SECRET: paths
    .refine((list) => list.length <= 2, 'must be one file, or two: the new one, then the old one')
    .default([]),
  REPRISE_TICKET_KEYS: z
    .enum(ticketKeyChoices, { error: `must be one of ${ticketKeyChoices.join(', ')}` })
    .default('auto'),
  REPRISE_SESSION_LIFETIME: wholeNumber(1, maxSessionLifetimeSeconds, 'seconds').default(7200),
  REPRISE_SESSION_CACHE_BYTES: z
    .string()
    .transform((text) => parseByteSize(text) ?? Number.NaN)
    .refine((bytes) => bytes >= mebibyte && bytes <= segmentLimits.maxBytes, cacheText())
    .default(64 * mebibyte),
  REPRISE_PASSWORD_CHECKS: wholeNumber(1, maxPasswordChecks, 'checks').default(2),
  REPRISE_WAITING_LOGINS: wholeNumber(waitingLogins.min, waitingLogins.max, 'logins').default(4096),
  REPRISE_LOGIN_DELAY: wholeNumber(0, maxLoginDelaySeconds, 'seconds').default(15),
  REPRISE_CAPABILITIES_OFF: explained(parseCapabilitiesOff).default(defaultCapabilitiesOff),
  REPRISE_ELSEWHERE: explained(parseElsewhere).default(new Map()),
  REPRISE_CAPABILITIES_EXTRA: explained(parseCapabilitiesExtra).default([]),
  REPRISE_BACKGROUND_CONNECTIONS: wholeNumber(0, 999_999_999, 'connections').default(0),
  REPRISE_REMOTE_MAILBOXES: explained(parseRemoteMailboxes).default([]),
  REPRISE_MESSAGE_LIMIT: wholeNumber(leastMessageLimit, 999_999_999, 'messages').default(
    defaultMessageLimit,
  ),
  REPRISE_OAUTH_ISSUER: z.string().refine(isWebUrl, 'must be an https: or http: URL').optional(),
  REPRISE_OAUTH_AUDIENCE: z
    .string()
    .transform((text) => text.split(',').map((item) => item.trim()))
    .refine((list) => !list.includes(''), 'must be a name, or several with commas between them')
    .default([]),
  REPRISE_OAUTH_KEYS: z
    .string()
    .refine((text) => (text.includes('://') ? isWebUrl(text) : isPath(text)), {
      error: 'must be an https: or http: URL, or the path of a file',
    })
    .optional(),
  REPRISE_OAUTH_CLAIM: z.string().min(1, 'must be the name of a claim').optional(),
  REPRISE_ADMIN_PORT: z
    .string()
    .transform((text, context) => {
      const address = parseListenAddress(text, '127.0.0.1');
      if (address !== undefined) return address;
      context.addIssue({ code: 'custom', message: adminText() });
      return z.NEVER;
    })
    .default({ host: '127.0.0.1', port: 9143 }),
  REPRISE_LOG_LEVEL: z
    .enum(logLevels, { error: `must be one of ${logLevels.join(', ')}` })
    .default('info'),
});

/** The keys with their checked values. */
export type ConfigurationValues = z.output<typeof configurationSchema>;

/** The name of a key. */
export type ConfigurationKey = keyof typeof configurationSchema.shape;

/** All keys. */
export const configurationKeys = Object.keys(
  configurationSchema.shape,
) as readonly ConfigurationKey[];

function wholeNumber(min: number, max: number, what: string) {
  const message = `must be a whole number of ${what} from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

/** A value that a function reads; it throws what is wrong with the text. */
function explained<Value>(parse: (text: string) => Value) {
  return z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
      return z.NEVER;
    }
  });
}

/** A value that a function reads; it returns undefined if the text is not what is `allowed`. */
function parsed<Value>(parse: (text: string) => Value | undefined, allowed: string) {
  return z.string().transform((text, context) => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: allowed });
    return z.NEVER;
  });
}

function isWebUrl(text: string): boolean {
  return ['https:', 'http:'].includes(URL.parse(text)?.protocol ?? '');
}

function isPath(text: string): boolean {
  return !text.includes('\0');
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

function adminText(): string {
  return 'must be a port from 0 to 65535 (0 = any free port) on 127.0.0.1, ADDRESS:PORT, or -1 (off)';
}

function workersText(): string {
  return `must be a number of threads from 0 (everything in one) to ${maxWorkerCount}`;
}

function cacheText(): string {
  return 'must be a size from 1MiB to 32GiB (plain bytes, or with KiB, MiB, GiB, kB, MB, GB)';
}
