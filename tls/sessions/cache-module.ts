import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Clock } from '../time.ts';
import type { SessionCache } from './session-cache.ts';

/** What the module's function is given. */
export interface SessionCacheModuleOptions {
  /** The longest life of a session, in milliseconds. */
  readonly lifetimeMs: number;
  /** Bytes that the cache may hold. */
  readonly maxBytes: number;
  /** The clock of {@link PutOptions.expiresAt}. */
  readonly clock: Clock;
}

/** The function that such a module exports, by the name `createSessionCache` or as its default. */
export type CreateSessionCache = (
  options: SessionCacheModuleOptions,
) => SessionCache | Promise<SessionCache>;

/** Why a module cannot be used; the message names it. */
export class SessionCacheModuleError extends Error {
  override readonly name = 'SessionCacheModuleError';
}

const methods = ['get', 'put', 'take', 'promote', 'delete', 'purge', 'stats', 'close'] as const;

/**
 * Makes a cache with an operator's module: JavaScript, or TypeScript whose types Node can strip. The module exports a
 * function `createSessionCache`, or has it as its default export; it returns the cache or a promise of it.
 *
 * @param path - of the module; relative to the working directory
 * @throws SessionCacheModuleError if the module cannot be loaded, or does not make a session cache
 */
export async function loadSessionCacheModule(
  path: string,
  options: SessionCacheModuleOptions,
): Promise<SessionCache> {
  const create = pickCreate(path, await importModule(path));
  let cache: SessionCache;
  try {
    cache = await create(options);
  } catch (error) {
    throw new SessionCacheModuleError(
      `Session cache module "${path}" has failed to make a cache: ${messageOf(error)}`,
      { cause: error },
    );
  }
  const missing = methods.filter((method) => typeof fieldOf(cache, method) !== 'function');
  if (missing.length > 0) {
    const what =
      typeof cache === 'object' && cache !== null
        ? `an object without ${missing.map((method) => `${method}()`).join(', ')}`
        : describe(cache);
    throw new SessionCacheModuleError(
      `Session cache module "${path}" has made ${what}; expected is a session cache`,
    );
  }
  return cache;
}

async function importModule(path: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(resolve(path)).href)) as Record<string, unknown>;
  } catch (error) {
    throw new SessionCacheModuleError(
      `Cannot load session cache module "${path}": ${messageOf(error)}`,
      { cause: error },
    );
  }
}

function pickCreate(path: string, module: Record<string, unknown>): CreateSessionCache {
  // A CommonJS module is a default export that has all names.
  const byDefault = module['default'];
  for (const found of [module, byDefault].map((from) => fieldOf(from, 'createSessionCache'))) {
    if (typeof found === 'function') return found as CreateSessionCache;
  }
  if (typeof byDefault === 'function') return byDefault as CreateSessionCache;
  const names = Object.keys(module).filter((name) => name !== 'module.exports');
  const what =
    names.length === 0
      ? 'nothing'
      : names.map((name) => `${name} (${describe(module[name])})`).join(', ');
  throw new SessionCacheModuleError(
    `Session cache module "${path}" exports ${what}; expected is a function "createSessionCache" or a default one`,
  );
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
