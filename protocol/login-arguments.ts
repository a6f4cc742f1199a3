import { CommandError } from './command-error.ts';
import type { Command } from './command.ts';
import type { Decoder } from './decoder.ts';
import { maxEnableCount, maxIdNameBytes, maxIdPairs, maxIdValueBytes } from './limits.ts';

/** The arguments of LOGIN. No error text repeats them. @see RFC 3501, section 6.2.3 */
export function expectLoginArguments(decoder: Decoder): Command {
  decoder.hideReceived();
  decoder.expectSpace();
  const userName = decoder.expectText('user name');
  decoder.expectSpace();
  return { name: 'LOGIN', userName, password: decoder.expectText('password') };
}

/**
 * The arguments of AUTHENTICATE. No error text repeats them.
 *
 * @see RFC 3501, section 6.2.2; RFC 4959
 */
export function expectAuthenticateArguments(decoder: Decoder): Command {
  decoder.hideReceived();
  decoder.expectSpace();
  const mechanism = decoder.expectAtom('SASL mechanism').toUpperCase();
  if (!decoder.accept(' ')) return { name: 'AUTHENTICATE', mechanism };
  const text = decoder.expectAString('initial response in base64');
  const initialResponse = text === '=' ? new Uint8Array() : decodeBase64(text);
  if (!initialResponse) throw decoder.expected('initial response in base64');
  return { name: 'AUTHENTICATE', mechanism, initialResponse };
}

/**
 * The octets of strict base64 (RFC 4648, section 4); undefined where the text is not base64. The octets are
 * the caller's.
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
  if (!isBase64) return undefined;
  const octets = Buffer.from(text, 'base64');
  // Not in Node's pool, where a password would stay behind between others' octets
  const copy = new Uint8Array(octets);
  octets.fill(0);
  return copy;
}

/** The argument of ID: a list of fields and values, or `NIL`. @see RFC 2971, section 3.1 */
export function expectIdArguments(decoder: Decoder): Command {
  decoder.expectSpace();
  if (!decoder.isNext('(')) {
    decoder.expectNText('list of ID fields or NIL');
    return { name: 'ID', parameters: undefined };
  }
  const parameters = new Map<string, string | undefined>();
  decoder.expectList('ID fields', maxIdPairs, () => {
    const field = decoder.expectString('ID field').toLowerCase();
    decoder.expectSpace();
    const value = decoder.expectNText('value of ID field');
    if (field.length > maxIdNameBytes || (value?.length ?? 0) > maxIdValueBytes) {
      throw new CommandError('ID field or value is too long');
    }
    parameters.set(field, value);
  });
  return { name: 'ID', parameters };
}

/** The arguments of ENABLE, in capitals. @see RFC 5161, section 3.1 */
export function expectEnableArguments(decoder: Decoder): Command {
  const capabilities = new Set<string>();
  let count = 0;
  do {
    if (++count > maxEnableCount)
      throw new CommandError(`More than ${maxEnableCount} capabilities`);
    decoder.expectSpace();
    capabilities.add(decoder.expectAtom('capability').toUpperCase());
  } while (!decoder.isAtEnd());
  return { name: 'ENABLE', capabilities: [...capabilities] };
}
