import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { steadyClock } from '../../../tls/time.ts';
import { loadSessionCacheModule } from '../../../tls/index.ts';
import {
  contractLifetimeMs,
  testSessionCacheContract,
} from '../../fixtures/session-cache-contract.ts';

const examplePath = fileURLToPath(
  new URL('../../fixtures/example-session-cache.ts', import.meta.url),
);
const options = {
  lifetimeMs: contractLifetimeMs,
  maxBytes: 2 * 1024 * 1024,
  clock: steadyClock,
};

void t.test('the example keeps the contract', async (t) => {
  testSessionCacheContract(t, {
    makeCache: (clock) => loadSessionCacheModule(examplePath, { ...options, clock }),
  });
});

void t.test('a path is relative to the working directory', async (t) => {
  const cache = await loadSessionCacheModule(relative(process.cwd(), examplePath), options);
  t.equal(cache.stats().entryCount, 0);
  await cache.close();
});

const complete = `{
  get() {}, put() {}, take() {}, promote() {}, delete() {}, purge() {}, stats() {}, close() {}, options
}`;
const accepted: Record<string, string> = {
  'named.mjs': `export const createSessionCache = (options) => (${complete});`,
  'default.mjs': `export default async (options) => (${complete});`,
  'default-object.mjs': `export default { createSessionCache: (options) => (${complete}) };`,
  'common.cjs': `exports.createSessionCache = (options) => (${complete});`,
  'common-function.cjs': `module.exports = (options) => (${complete});`,
};

void t.test('takes a named export or a default one', async (t) => {
  const directory = t.testdir(accepted);
  for (const name of Object.keys(accepted)) {
    const cache = await loadSessionCacheModule(join(directory, name), options);
    t.equal((cache as unknown as { options: unknown }).options, options, name);
  }
});

const refused: Record<string, [source: string | undefined, message: RegExp]> = {
  'missing.mjs': [
    undefined,
    /^Cannot load session cache module ".*missing.mjs": Cannot find module/,
  ],
  'syntax.mjs': ['export const = 1', /^Cannot load .*syntax.mjs": /],
  'throws.mjs': ['throw new Error("No disk")', /^Cannot load .*throws.mjs": No disk$/],
  'empty.mjs': [
    '',
    /exports nothing; expected is a function "createSessionCache" or a default one$/,
  ],
  'other.mjs': [
    'export const makeCache = () => {}; export default {};',
    /exports default \(an object\), makeCache \(a function\); expected is a function/,
  ],
  'constant.mjs': [
    'export const createSessionCache = 1;',
    /exports createSessionCache \(a number\); expected is a function/,
  ],
  'fails.mjs': [
    'export const createSessionCache = async () => { throw new Error("No disk"); };',
    /has failed to make a cache: No disk$/,
  ],
  'undefined.mjs': [
    'export const createSessionCache = () => {};',
    /has made undefined; expected is a session cache$/,
  ],
  'incomplete.mjs': [
    'export const createSessionCache = () => ({ get() {}, put() {}, take: 1, delete() {} });',
    /has made an object without take\(\), promote\(\), purge\(\), stats\(\), close\(\); expected/,
  ],
};

void t.test('says what is wrong with a module', async (t) => {
  const directory = t.testdir();
  for (const [name, [source, message]] of Object.entries(refused)) {
    const path = join(directory, name);
    if (source !== undefined) writeFileSync(path, source);
    await t.rejects(loadSessionCacheModule(path, options), {
      name: 'SessionCacheModuleError',
      message,
    });
  }
});
