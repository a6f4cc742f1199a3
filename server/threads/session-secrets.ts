import { readFile } from 'node:fs/promises';
import { ConfigurationError } from '../config/read-configuration.ts';

/** Less can be guessed, or was not made as a secret. */
const minSecretBytes = 32;

/**
 * Reads the secrets that machines share, whole files as they are. Rejects with a `ConfigurationError` where
 * one cannot be read or is too short.
 */
export async function readSessionSecrets(paths: readonly string[]): Promise<Uint8Array[]> {
  return Promise.all(paths.map(readSecret));
}

async function readSecret(path: string): Promise<Uint8Array> {
  const refuse = (reason: string) =>
    new ConfigurationError([`Cannot use secret "${path}" of REPRISE_SESSION_SECRET: ${reason}`]);
  let secret: Uint8Array;
  try {
    secret = await readFile(path);
  } catch (error) {
    throw refuse((error as NodeJS.ErrnoException).code ?? String(error));
  }
  if (secret.length >= minSecretBytes) return secret;
  throw refuse(
    `it has "${secret.length}" octets, at least ${minSecretBytes} random ones are needed`,
  );
}
