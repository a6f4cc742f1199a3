import type { Credentials } from '../../store/mail-store.ts';
import { type Argon2Parameters, defaultArgon2Parameters, hashPassword } from './password-hash.ts';
import { saslprep } from './saslprep.ts';
import { defaultScramIterations, makeScramVerifier } from './scram-verifier.ts';

/** The password cannot be used; the text says why and does not hold it. */
export class UnusablePasswordError extends Error {
  /** @param fault - the end of a sentence that starts with "it" */
  constructor(fault: string) {
    super(`Cannot use this password: ${fault}`);
    this.name = 'UnusablePasswordError';
  }
}

/** How much work the stored hashes take to check; less is for accounts of tests only. */
export interface CredentialCost {
  readonly argon2?: Argon2Parameters;
  readonly scramIterations?: number;
}

/** Hashes a password as the store keeps it. Rejects with an {@link UnusablePasswordError}. */
export async function makeCredentials(
  password: string,
  cost: CredentialCost = {},
): Promise<Credentials> {
  const preparation = saslprep(password);
  if ('fault' in preparation) throw new UnusablePasswordError(preparation.fault);
  const { text: prepared } = preparation;
  return {
    argon2id: await hashPassword(prepared, cost.argon2 ?? defaultArgon2Parameters),
    scramSha256: await makeScramVerifier(prepared, {
      iterations: cost.scramIterations ?? defaultScramIterations,
    }),
  };
}
