import type { Capability } from '../../protocol/capability.ts';
import { foldAsciiCase } from '../../store/names.ts';

/** Capabilities that are turned off for some accounts, by the name of each as {@link accountKey} has it. */
export type AccountCapabilities = ReadonlyMap<string, readonly Capability[]>;

/** The name of an account as {@link AccountCapabilities} has it, since ASCII case does not count in names. */
export function accountKey(name: string): string {
  return foldAsciiCase(name.normalize('NFC'));
}

/** What is off for each of these accounts in all, also since it is off for everybody. */
export function addToAccounts(
  accounts: AccountCapabilities,
  offForAll: ReadonlySet<Capability>,
): ReadonlyMap<string, ReadonlySet<Capability>> {
  return new Map([...accounts].map(([key, off]) => [key, new Set([...offForAll, ...off])]));
}
