import { generateKeyPairSync, sign } from 'node:crypto';
import type { Credential } from '../certificates/credentials.ts';

/** Tags of DER (ITU-T X.690) that a certificate is made of. */
const tags = {
  integer: 2,
  bits: 3,
  bytes: 4,
  utf8: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
};

/** Context-specific tags of a certificate: its version and its extensions. */
const certificateTags = { version: 0xa0, extensions: 0xa3 };

/** Object identifiers in DER: commonName, basicConstraints, ecdsa-with-SHA256. */
const commonName = Buffer.from('0603550403', 'hex');
const basicConstraints = Buffer.from('0603551d13', 'hex');
const ecdsaWithSha256 = Buffer.from('06082a8648ce3d040302', 'hex');

/** The boolean true, in DER. */
const isTrue = Buffer.from([1, 1, 0xff]);

/**
 * Makes a credential that protects nothing: ECDSA P-256, signed by itself, a CA, and valid whatever the clock of this
 * machine says. Quick, and without the packages that make a certificate for clients.
 *
 * @see RFC 5280, section 4.1
 */
export function makeThrowAwayCredential(): Credential {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(
    der(tags.set, sequence(commonName, der(tags.utf8, Buffer.from('throw-away')))),
  );
  const validity = sequence(
    der(tags.utcTime, Buffer.from('700101000000Z')),
    der(tags.generalizedTime, Buffer.from('99991231235959Z')),
  );
  const isAuthority = sequence(basicConstraints, isTrue, der(tags.bytes, sequence(isTrue)));
  const signedPart = sequence(
    der(certificateTags.version, der(tags.integer, Buffer.from([2]))),
    der(tags.integer, Buffer.from([1])),
    sequence(ecdsaWithSha256),
    name,
    validity,
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(certificateTags.extensions, sequence(isAuthority)),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign('sha256', signedPart, privateKey)]);
  const certificate = sequence(signedPart, sequence(ecdsaWithSha256), der(tags.bits, signature));
  return {
    name: 'throw-away',
    serverNames: [],
    cert: `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(tags.sequence, ...parts);
}

/** One value of DER: tag, length, content of less than 64 KiB. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const lengthBytes =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...lengthBytes]), content]);
}
