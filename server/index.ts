/**
 * Reprise as a library: a server in your own process. For integration tests see `reprise/testing`, for TLS
 * with resumption by itself `reprise/tls`.
 *
 * ```ts
 * import { createLogger, createServer, readConfiguration } from 'reprise';
 *
 * const configuration = readConfiguration({ environment: process.env });
 * const logger = createLogger({ level: configuration.logLevel });
 * const server = await createServer({ configuration, logger });
 * // …
 * await server.close();
 * ```
 */
export { makeCredentials, UnusablePasswordError } from './authentication/make-credentials.ts';
export type { Configuration, LogLevel } from './config/configuration.ts';
export { ConfigurationError } from './config/configuration-error.ts';
export { readConfiguration } from './config/read-configuration.ts';
export { createServer, type RepriseServer, type ServerOptions } from './create-server.ts';
export { createLogger, type LoggerOptions } from './logging.ts';
export { DataDirectoryInUseError } from '../store/data-directory-lock.ts';
export * from '../store/mail-store.ts';
