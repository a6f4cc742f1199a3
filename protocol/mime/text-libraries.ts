// Libraries that decode text, each loaded when it is first needed: most threads of a server never decode any, and
// the two take 3 MiB in every thread.
import { createRequire } from 'node:module';
import type Iconv from 'iconv-lite';
import type Libmime from 'libmime';

const require = createRequire(import.meta.url);
let loadedIconv: typeof Iconv | undefined;
let loadedLibmime: typeof Libmime | undefined;

/** Charsets. */
export function iconv(): typeof Iconv {
  loadedIconv ??= require('iconv-lite') as typeof Iconv;
  return loadedIconv;
}

/** Encoded words in header fields. */
export function libmime(): typeof Libmime {
  loadedLibmime ??= require('libmime') as typeof Libmime;
  return loadedLibmime;
}
