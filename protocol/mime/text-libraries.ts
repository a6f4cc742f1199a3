// The library that decodes charsets, loaded when it is first needed: most threads of a server never decode any, and it
// takes a MiB in every thread.
import { createRequire } from 'node:module';
import type Iconv from 'iconv-lite';

const require = createRequire(import.meta.url);
let loadedIconv: typeof Iconv | undefined;

/** Charsets of one byte a character, and those of East Asia that have no state. */
export function iconv(): typeof Iconv {
  loadedIconv ??= require('iconv-lite') as typeof Iconv;
  return loadedIconv;
}
