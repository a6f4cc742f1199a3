import { findSwitchableCapability } from '../capability.ts';
import { CommandError, type Decoder } from '../decoder.ts';

/** The arguments of LOGIN. */
export interface LoginArguments {
  readonly userName: string;
  readonly password: string;
}

/** No error text repeats what was received. @see RFC 3501, section 6.2.3 */
export function expectLoginArguments(decoder: Decoder): LoginArguments {
  decoder.hideReceived();
  decoder.expectSpace();
  const userName = decoder.expectText('user name');
  decoder.expectSpace();
  return { userName, password: decoder.expectText('password') };
}

/** The arguments of AUTHENTICATE. */
export interface AuthenticateArguments {
  /** In capitals. */
  readonly mechanism: string;
  /** Decoded from base64; empty for `=`; absent if the client sent none (RFC 4959). */
  readonly initialResponse?: Uint8Array;
}

/** No error text repeats what was received. @see RFC 3501, section 6.2.2; RFC 4959 */
export function expectAuthenticateArguments(decoder: Decoder): AuthenticateArguments {
  decoder.hideReceived();
  decoder.expectSpace();
  const mechanism = decoder.expectAtom('SASL mechanism').toUpperCase();
  const capability = findSwitchableCapability(`AUTH=${mechanism}`);
  if (capability && decoder.isOff(capability)) {
    throw new CommandError('Unknown SASL mechanism', { isNo: true });
  }
  if (decoder.isOff('SASL-IR') || !decoder.accept(' ')) return { mechanism };
  const text = decoder.expectAString('initial response in base64');
  const initialResponse = text === '=' ? new Uint8Array() : decodeBase64(text);
  if (!initialResponse) throw decoder.expected('initial response in base64');
  return { mechanism, initialResponse };
}

/**
 * The bytes of strict base64 (RFC 4648, section 4); undefined if the text is not base64. The bytes are the
 * caller's.
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
  if (!isBase64) return undefined;
  const bytes = Buffer.from(text, 'base64');
  // Not in Node's pool, where a password would stay behind between others' bytes
  const copy = new Uint8Array(bytes);
  bytes.fill(0);
  return copy;
}
