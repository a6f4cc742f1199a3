/** A message of a SCRAM client that is not what RFC 5802, section 7, has. The text goes to the client. */
export class ScramSyntaxError extends Error {
  constructor(expected: string) {
    super(`Expected ${expected} in the SCRAM message`);
    this.name = 'ScramSyntaxError';
  }
}

/**
 * Whether a client binds its login to the connection: it does, by this type; it cannot (`n`); or it could, but has not heard
 * that the server can (`y`).
 *
 * @see RFC 5802, section 7, `gs2-cbind-flag`
 */
export type ScramBindingFlag = 'n' | 'y' | { readonly type: string };

/** The first message of a client. */
export interface ScramClientFirst {
  readonly binding: ScramBindingFlag;
  /** As it came, which the last message repeats. */
  readonly gs2Header: string;
  /** Empty: the account that logs in. */
  readonly authorizationId: string;
  readonly userName: string;
  readonly nonce: string;
  /** The message without its header, which is signed. */
  readonly bare: string;
}

/** The last message of a client. */
export interface ScramClientFinal {
  /** The header of the first message, and behind it what the client takes for the binding. */
  readonly channelBinding: Buffer;
  /** Its own nonce with the server's behind it. */
  readonly nonce: string;
  readonly proof: Buffer;
  /** The message without the proof, which is signed. */
  readonly withoutProof: string;
}

/** Bytes of a proof of SCRAM-SHA-256. */
const proofBytes = 32;

/** @throws ScramSyntaxError */
export function parseClientFirst(message: string): ScramClientFirst {
  const header = /^(?:(n|y)|p=([A-Za-z0-9.-]+)),(?:a=([^,]+))?,/.exec(message);
  if (header === null) throw new ScramSyntaxError('a GS2 header');
  const [gs2Header, flag, type, authorizationId] = header;
  const bare = message.slice(gs2Header.length);
  const [name = '', nonce = '', ...extensions] = bare.split(',');
  if (!/^n=./u.test(name)) throw new ScramSyntaxError('a user name');
  const clientNonce = /^r=([!-+\--~]+)$/.exec(nonce)?.[1];
  if (clientNonce === undefined) throw new ScramSyntaxError('a nonce');
  checkExtensions(extensions);
  return {
    binding: type === undefined ? (flag as 'n' | 'y') : { type },
    gs2Header,
    authorizationId: authorizationId === undefined ? '' : decodeName(authorizationId),
    userName: decodeName(name.slice(2)),
    nonce: clientNonce,
    bare,
  };
}

/** @throws ScramSyntaxError */
export function parseClientFinal(message: string): ScramClientFinal {
  const proofAt = message.lastIndexOf(',p=');
  if (proofAt === -1) throw new ScramSyntaxError('a proof');
  const withoutProof = message.slice(0, proofAt);
  const [binding = '', nonce = '', ...extensions] = withoutProof.split(',');
  if (!binding.startsWith('c=')) throw new ScramSyntaxError('a channel binding');
  if (!nonce.startsWith('r=')) throw new ScramSyntaxError('a nonce');
  checkExtensions(extensions);
  const proof = decode(message.slice(proofAt + 3), 'a proof');
  if (proof.length !== proofBytes) throw new ScramSyntaxError(`a proof of ${proofBytes} bytes`);
  return {
    channelBinding: decode(binding.slice(2), 'a channel binding'),
    nonce: nonce.slice(2),
    proof,
    withoutProof,
  };
}

/** Those that nobody has to know are passed over. Mandatory ones would stand first, where they fail as user name or binding. */
function checkExtensions(extensions: readonly string[]): void {
  if (extensions.every((extension) => /^[A-Za-z]=./u.test(extension))) return;
  throw new ScramSyntaxError('extensions of a letter and a value');
}

/** @see RFC 5802, section 7, `saslname` */
function decodeName(name: string): string {
  if (/=(?!2C|3D)|\0/.test(name)) throw new ScramSyntaxError('"=" and "," as "=3D" and "=2C"');
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

function decode(text: string, expected: string): Buffer {
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
  if (!isBase64) throw new ScramSyntaxError(`${expected} in base64`);
  return Buffer.from(text, 'base64');
}
