import { createHmac } from 'node:crypto';
import type { TicketKey } from './ticket-keys.ts';

/*
 * A ticket begins with 16 bytes that OpenSSL calls the name of its key, then 16 random ones (the IV). The MAC of the
 * ticket covers both, so nobody can change what we write into the name:
 *
 *   5 bytes  begin the name of the ticket key
 *   3 bytes  the minute of the full handshake that the chain of resumptions began with, hidden
 *   8 bytes  a keyed digest of the server name that the client asked for
 *
 * The digest takes in the IV, and hides the minute too, so that of two tickets of one client nothing is the same but
 * the five bytes that all tickets of the server have (RFC 8446, appendix C.4).
 */
const keyIdBytes = 5;
const minuteBytes = 3;
const digestBytes = 8;
const ivBytes = 16;

/** Bytes of the name of a key in a ticket. */
export const ticketNameBytes = keyIdBytes + minuteBytes + digestBytes;

const minuteMs = 60_000;

/** What a ticket belongs to. */
export interface TicketChain {
  /** As `normalizeServerName` makes it; undefined if the client asked for none, which is a name of its own. */
  readonly serverName: string | undefined;
  /** When its chain of resumptions began, in milliseconds since 1970. */
  readonly fullHandshakeAt: number;
}

/** The key that a ticket is sealed with, whatever server name it is for; undefined if it is none of these. */
export function findTicketKey(
  keys: readonly TicketKey[],
  ticket: Uint8Array,
): TicketKey | undefined {
  if (ticket.length <= ticketNameBytes + ivBytes) return undefined;
  return keys.find((key) => isNamedBy(ticket, key));
}

/** What a ticket begins with, name and IV, which no other has: its first bytes, or these two by themselves. */
export function ticketHead(...parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts).toString('latin1', 0, ticketNameBytes + ivBytes);
}

/** Whether the name in a ticket is that of this key. */
export function isNamedBy(ticketName: Uint8Array, { name }: TicketKey): boolean {
  for (let i = 0; i < keyIdBytes; i++) if (ticketName[i] !== name[i]) return false;
  return true;
}

/** The name for a ticket with this IV. */
export function writeTicketName(key: TicketKey, iv: Uint8Array, chain: TicketChain): Uint8Array {
  const digest = digestOf(key, iv, chain.serverName);
  const minute = Math.floor(chain.fullHandshakeAt / minuteMs);
  const name = new Uint8Array(ticketNameBytes);
  name.set(key.name.subarray(0, keyIdBytes));
  for (let i = 0; i < minuteBytes; i++) {
    name[keyIdBytes + i] = (minute >>> (8 * i)) ^ digest[digestBytes + i]!;
  }
  name.set(digest.subarray(0, digestBytes), keyIdBytes + minuteBytes);
  return name;
}

/**
 * When the chain of a ticket of this key began, in milliseconds since 1970, rounded down to a minute; undefined if
 * the ticket is for another server name.
 */
export function readFullHandshakeAt(
  key: TicketKey,
  ticket: Uint8Array,
  serverName: string | undefined,
  nowMs: number,
): number | undefined {
  const digest = digestOf(
    key,
    ticket.subarray(ticketNameBytes, ticketNameBytes + ivBytes),
    serverName,
  );
  for (let i = 0; i < digestBytes; i++) {
    if (ticket[keyIdBytes + minuteBytes + i] !== digest[i]) return undefined;
  }
  let minute = 0;
  for (let i = 0; i < minuteBytes; i++) {
    minute |= (ticket[keyIdBytes + i]! ^ digest[digestBytes + i]!) << (8 * i);
  }
  const nowMinute = Math.floor(nowMs / minuteMs);
  // The high bits are not there: it is the minute that is nearest to now.
  const age = ((nowMinute - minute) << 8) >> 8;
  return (nowMinute - age) * minuteMs;
}

/**
 * The name of a key for the tickets of one server name, for a server whose tickets all have the same: 5 bytes that
 * begin the key's name, then a keyed digest.
 */
export function ticketNameFor(key: TicketKey, serverName: string | undefined): Uint8Array {
  const name = new Uint8Array(ticketNameBytes);
  name.set(key.name.subarray(0, keyIdBytes));
  const digest = digestOf(key, new Uint8Array(ivBytes), serverName);
  name.set(digest.subarray(0, ticketNameBytes - keyIdBytes), keyIdBytes);
  return name;
}

/** With the key of the ticket's MAC, whose own input begins otherwise. */
function digestOf(
  { secret }: TicketKey,
  iv: Uint8Array,
  serverName: string | undefined,
): Uint8Array {
  const hmac = createHmac('sha256', secret.subarray(16, 32)).update('server name of a ticket\0');
  hmac.update(iv).update(serverName === undefined ? 'none' : `name ${serverName}`, 'latin1');
  return hmac.digest();
}
