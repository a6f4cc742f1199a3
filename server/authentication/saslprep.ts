import { createRequire } from 'node:module';
import type Library from '@mongodb-js/saslprep';

const require = createRequire(import.meta.url);
/** Loaded when it is first needed: its tables take some MiB in every thread, and most names and passwords are ASCII. */
let library: typeof Library | undefined;

/** What is prepared already, as most names and passwords are. */
const printableAscii = /^[ -~]+$/;

/** Code points that are not assigned in Unicode as Node knows it: what they will be normalized to nobody knows. */
const unassigned = /\p{Cn}/u;

/** Longer names and passwords are refused, so that no login is made costly by its length. */
export const maxPreparedBytes = 1024;

/** What {@link saslprep} makes of a text; or why it refuses it, as the end of a sentence that starts with "it". */
export type PreparedText = { readonly text: string } | { readonly fault: string };

/**
 * A user name or password in the form that is stored and compared, so that it does not matter how a keyboard composed
 * it: SASLprep, for which the server stands in with all mechanisms but SCRAM, whose clients do it themselves. Characters
 * that are newer than Unicode 3.2, such as emoji, are taken, though RFC 4013 does not know them: clients of its successors do.
 *
 * @see RFC 4013, section 2; RFC 8265, section 4.2 (successor)
 */
export function saslprep(text: string): PreparedText {
  const fault = `it must have 1 to ${maxPreparedBytes} bytes`;
  // Before the library, which takes long for much
  if (text === '' || text.length > maxPreparedBytes) return { fault };
  if (printableAscii.test(text)) return { text };
  let prepared: string;
  try {
    library ??= require('@mongodb-js/saslprep') as typeof Library;
    prepared = library(text, { allowUnassigned: true });
  } catch (error) {
    return { fault: faultOf(error) };
  }
  if (unassigned.test(prepared)) return { fault: 'it has characters that Unicode does not know' };
  const isFitting = prepared !== '' && Buffer.byteLength(prepared) <= maxPreparedBytes;
  return isFitting ? { text: prepared } : { fault };
}

/** A prepared password; undefined if no password can look like this, since {@link saslprep} refuses it. */
export function preparePassword(password: string): string | undefined {
  const prepared = saslprep(password);
  return 'text' in prepared ? prepared.text : undefined;
}

/** The library tells the rules apart by its texts only. One without visible characters it fails on. */
function faultOf(error: unknown): string {
  const { message } = error as Error;
  if (message.includes('RandALCat')) {
    return 'it mixes right-to-left letters with others, or does not begin and end with one';
  }
  if (message.startsWith('Prohibited')) {
    return 'it has control characters, or others that cannot be typed everywhere';
  }
  return 'it has no visible characters';
}
