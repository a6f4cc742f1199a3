import { withDefaultPorts } from './configuration.ts';
import type { ConfigurationKey, ConfigurationValues } from './configuration-schema.ts';

/** What is wrong with keys that are right by themselves. */
export interface CombinationProblem {
  /** The key that is to change; absent if the text names them. */
  readonly key?: ConfigurationKey;
  readonly text: string;
}

/** Threads of libuv's pool unless UV_THREADPOOL_SIZE says otherwise. */
const defaultThreadPoolSize = 4;

/** What only several keys together, or with variables of Node, can get wrong. */
export function checkTogether(
  values: ConfigurationValues,
  environment: Readonly<Record<string, string | undefined>>,
): CombinationProblem[] {
  return [
    ...checkPorts(values),
    ...checkProxies(values),
    ...checkCertificates(values),
    ...checkClientCertificates(values),
    ...checkSessions(values),
    ...checkTokens(values),
    ...checkPasswordChecks(values, environment['UV_THREADPOOL_SIZE']),
  ];
}

/** The shorthand for one listener of each kind. */
const portKeys = ['REPRISE_HOST', 'REPRISE_IMAP_PORT', 'REPRISE_IMAPS_PORT'] as const;

function* checkPorts(values: ConfigurationValues): Iterable<CombinationProblem> {
  if (values.REPRISE_LISTEN !== undefined) {
    for (const key of portKeys) {
      if (values[key] !== undefined) {
        yield { key, text: 'cannot be given together with REPRISE_LISTEN, which says it all' };
      }
    }
    return;
  }
  const { REPRISE_IMAP_PORT: imapPort, REPRISE_IMAPS_PORT: imapsPort } = withDefaultPorts(values);
  if (imapPort === -1 && imapsPort === -1) {
    yield {
      text: 'REPRISE_IMAP_PORT and REPRISE_IMAPS_PORT are both -1: one of them must be on',
    };
  }
  if (imapPort === imapsPort && imapPort > 0) {
    yield {
      text: `REPRISE_IMAP_PORT and REPRISE_IMAPS_PORT are both ${imapPort}: they must differ`,
    };
  }
}

function* checkProxies(values: ConfigurationValues): Iterable<CombinationProblem> {
  const isProxied = values.REPRISE_LISTEN?.some((listener) => listener.isProxied) === true;
  const isAnyTrusted = values.REPRISE_PROXY_FROM.length > 0;
  if (isProxied && !isAnyTrusted) {
    const text = 'must come together with REPRISE_PROXY_FROM, the addresses of the proxies';
    yield { key: 'REPRISE_LISTEN', text };
  }
  if (!isProxied && isAnyTrusted) {
    const text = 'counts only with a listener of REPRISE_LISTEN that has +proxy';
    yield { key: 'REPRISE_PROXY_FROM', text };
  }
}

function* checkCertificates(values: ConfigurationValues): Iterable<CombinationProblem> {
  const certCount = values.REPRISE_TLS_CERT.length;
  const keyCount = values.REPRISE_TLS_KEY.length;
  if (certCount === keyCount) return;
  if (keyCount === 0) {
    yield { key: 'REPRISE_TLS_CERT', text: 'must come together with REPRISE_TLS_KEY' };
  } else if (certCount === 0) {
    yield { key: 'REPRISE_TLS_KEY', text: 'must come together with REPRISE_TLS_CERT' };
  } else {
    yield {
      key: 'REPRISE_TLS_KEY',
      text: `must name a key for each of the ${certCount} files of REPRISE_TLS_CERT`,
    };
  }
}

function* checkClientCertificates(values: ConfigurationValues): Iterable<CombinationProblem> {
  const isAsked = values.REPRISE_TLS_CLIENT_AUTH !== 'off';
  if (isAsked && values.REPRISE_TLS_CLIENT_CA === undefined) {
    yield { key: 'REPRISE_TLS_CLIENT_AUTH', text: 'must come together with REPRISE_TLS_CLIENT_CA' };
  }
  for (const key of ['REPRISE_TLS_CLIENT_CA', 'REPRISE_TLS_CLIENT_CRL'] as const) {
    if (!isAsked && values[key] !== undefined) {
      yield { key, text: 'counts only with REPRISE_TLS_CLIENT_AUTH optional or required' };
    }
  }
  if (isAsked && values.REPRISE_SESSION_CACHE.kind === 'tickets') {
    yield {
      key: 'REPRISE_SESSION_CACHE',
      text: 'must be another with REPRISE_TLS_CLIENT_AUTH: a ticket outlives the revocation of a certificate',
    };
  }
}

function* checkSessions(values: ConfigurationValues): Iterable<CombinationProblem> {
  const isSecretMissing = values.REPRISE_SESSION_SECRET.length === 0;
  if (values.REPRISE_SESSION_CACHE.kind === 'redis' && isSecretMissing) {
    yield {
      key: 'REPRISE_SESSION_CACHE',
      text: 'must come together with REPRISE_SESSION_SECRET, which seals what Redis keeps',
    };
  }
}

/** A token without these checks would be one for another server, or of anybody. */
function* checkTokens(values: ConfigurationValues): Iterable<CombinationProblem> {
  const parts = {
    REPRISE_OAUTH_ISSUER: values.REPRISE_OAUTH_ISSUER !== undefined,
    REPRISE_OAUTH_AUDIENCE: values.REPRISE_OAUTH_AUDIENCE.length > 0,
    REPRISE_OAUTH_KEYS: values.REPRISE_OAUTH_KEYS !== undefined,
  };
  const isIssuerMissing = values.REPRISE_OAUTH_ISSUER === undefined;
  if (isIssuerMissing && values.REPRISE_OAUTH_CLAIM !== undefined) {
    yield { key: 'REPRISE_OAUTH_CLAIM', text: 'counts only with REPRISE_OAUTH_ISSUER' };
  }
  const given = Object.values(parts).filter(Boolean).length;
  if (given === 0 || given === Object.keys(parts).length) return;
  yield { text: `${Object.keys(parts).join(', ')} must come together` };
}

/** Files and password checks run in one pool of threads: a thread at least must be left for files. */
function* checkPasswordChecks(
  values: ConfigurationValues,
  poolSizeText: string | undefined,
): Iterable<CombinationProblem> {
  const poolSize = Number(poolSizeText || defaultThreadPoolSize);
  if (values.REPRISE_PASSWORD_CHECKS < poolSize) return;
  yield {
    key: 'REPRISE_PASSWORD_CHECKS',
    text: `must be less than the ${poolSize} threads of libuv's pool, which files need too; UV_THREADPOOL_SIZE sets their number`,
  };
}
