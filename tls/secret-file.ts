import { stat } from 'node:fs/promises';

/** Bits of the mode of a file that let everybody read or write it. */
const everybodyMask = 0o006;

/**
 * What an operator should know of a file with a secret: that everybody on this machine can read or change it. Undefined if
 * they cannot. A group may, as `ssl-cert` on Debian does.
 *
 * @param what - the file's purpose, as in `key`
 */
export async function warningOfSecretFile(what: string, path: string): Promise<string | undefined> {
  // Who reads it says what is wrong with a file that is not there.
  const mode = await stat(path).then(
    (stats) => stats.mode & 0o7777,
    () => 0,
  );
  if ((mode & everybodyMask) === 0) return undefined;
  const digits = mode.toString(8).padStart(4, '0');
  return `Everybody on this machine can use ${what} "${path}" (mode ${digits}): change its mode to 0600`;
}
