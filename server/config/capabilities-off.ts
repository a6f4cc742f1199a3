import {
  capabilitiesOffByDefault,
  findSwitchableCapability,
  isKnownAfterLogin,
  leavesRevision,
  switchableCapabilities,
  type Capability,
} from '../../protocol/capability.ts';
import { StoreError } from '../../store/mail-store.ts';
import { normalizeAccountName } from '../../store/names.ts';
import { accountKey, type AccountCapabilities } from '../imap/account-capabilities.ts';

const noRevisionText =
  'leaves neither IMAP4rev1 nor IMAP4rev2, which is off if anything is that it is made of (IDLE, MOVE and so on)';

/** What is neither announced nor understood. */
export interface CapabilitiesOff {
  readonly forAll: readonly Capability[];
  readonly forAccounts: AccountCapabilities;
}

/** What is off if nothing is set. */
export const defaultCapabilitiesOff: CapabilitiesOff = {
  forAll: capabilitiesOffByDefault,
  forAccounts: new Map(),
};

/**
 * Reads `CONDSTORE,alice:IDLE`: capabilities that are off for all, and for an account. Its name is what stands before the
 * last colon; one with a comma cannot be given. Empty: none is off, also not what is off by default.
 *
 * @throws Error that says which item is wrong, and what is allowed
 */
export function parseCapabilitiesOff(text: string): CapabilitiesOff {
  const forAll = new Set<Capability>();
  const forAccounts = new Map<string, Set<Capability>>();
  const items = text.trim() === '' ? [] : text.split(',').map((part) => part.trim());
  for (const item of items) {
    const colonAt = item.lastIndexOf(':');
    const capability = findSwitchableCapability(item.slice(colonAt + 1));
    if (capability === undefined) throw new Error(allowedText(item));
    if (colonAt < 0) {
      forAll.add(capability);
      continue;
    }
    const key = readAccountName(item, item.slice(0, colonAt));
    if (!isKnownAfterLogin(capability)) {
      throw new Error(
        `has "${item}", but ${capability} is of use only before login: turn it off for all`,
      );
    }
    forAccounts.set(key, (forAccounts.get(key) ?? new Set()).add(capability));
  }
  for (const names of [[], ...forAccounts.values()]) {
    if (!leavesRevision(new Set([...forAll, ...names]))) throw new Error(noRevisionText);
  }
  return {
    forAll: [...forAll],
    forAccounts: new Map([...forAccounts].map(([key, names]) => [key, [...names]])),
  };
}

/** The text that {@link parseCapabilitiesOff} reads as these; empty if nothing is turned off. */
export function formatCapabilitiesOff({ forAll, forAccounts }: CapabilitiesOff): string {
  const items: string[] = [...forAll];
  for (const [name, capabilities] of forAccounts) {
    items.push(...capabilities.map((capability) => `${name}:${capability}`));
  }
  return items.join(',');
}

function readAccountName(item: string, name: string): string {
  try {
    return accountKey(normalizeAccountName(name));
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new Error(`has "${item}", which names no account: ${error.message}`, { cause: error });
  }
}

function allowedText(item: string): string {
  const names = switchableCapabilities.join(', ');
  return `must be capabilities with commas between them, or ACCOUNT:CAPABILITY, but "${item}" is none of ${names}`;
}
