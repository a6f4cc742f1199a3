import { parseRedisUrl } from '../../tls/index.ts';

/**
 * Where sessions are kept:
 *
 * - `memory`: in this process
 * - `redis`: on a Redis or Valkey that several machines share
 * - `module`: in what a module of the operator makes
 * - `tickets`: nowhere; the client brings its session along, encrypted
 * - `off`: nowhere; every handshake is a full one
 */
export type SessionCacheSetting =
  | { readonly kind: 'memory' }
  | { readonly kind: 'redis'; readonly url: string }
  | { readonly kind: 'module'; readonly path: string }
  | { readonly kind: 'tickets' }
  | { readonly kind: 'off' };

/** What {@link parseSessionCacheSetting} reads, for the text of an error. */
export const sessionCacheForms =
  'memory, tickets, off, module:PATH, or a URL of Redis (redis://, rediss://, with +sentinel or +cluster before the colon)';

/**
 * Undefined if the text is no such setting.
 *
 * @throws TypeError if it is a malformed URL of Redis
 */
export function parseSessionCacheSetting(text: string): SessionCacheSetting | undefined {
  if (text === 'memory' || text === 'tickets' || text === 'off') return { kind: text };
  const path = /^module:([^\0]+)$/.exec(text)?.[1];
  if (path !== undefined) return { kind: 'module', path };
  if (!/^rediss?[+:]/.test(text)) return undefined;
  parseRedisUrl(text);
  return { kind: 'redis', url: text };
}

/** As the key has it; without the password of a URL. */
export function formatSessionCacheSetting(setting: SessionCacheSetting): string {
  if (setting.kind === 'module') return `module:${setting.path}`;
  return setting.kind === 'redis' ? withoutPassword(setting.url) : setting.kind;
}

/**
 * Hides the passwords of a URL, wherever it stands in the text, also if the URL is malformed: everything from the
 * colon before a password to the last `@`.
 */
export function withoutPassword(text: string): string {
  return text
    .replaceAll(/(:\/\/[^\s:/@]*):\S*@/g, '$1:***@')
    .replaceAll(/:(?!\/\/)\S*@/g, ':***@')
    .replaceAll(/(password=)[^\s&]*/gi, '$1***');
}
