import { redisLimits } from '../../limits.ts';
import type { RedisFailure } from './redis-connection.ts';
import type { RedisKeys } from './redis-layout.ts';
import type { RedisCommand } from './redis-link.ts';

/** How a purge reaches Redis, and whom it tells. */
export interface PurgeTools {
  /** Sends a command. It rejects if Redis does not do it, which ends the purge. */
  readonly send: (key: string, command: RedisCommand) => Promise<unknown>;
  /** Called with each record that was removed. */
  readonly onRemoved: (record: Buffer) => void;
}

/** Removes the sessions that an index names, if their records still have the owner's tag at this offset. */
export async function purgeIndexed(
  { send, onRemoved }: PurgeTools,
  owner: { readonly index: string; readonly tag: Buffer; readonly tagOffset: number },
  sessionKey: (member: string) => string,
): Promise<void> {
  // Members stay in the index, so that the positions of the others do not change; they go when they expire. It
  // stops: what is added meanwhile expires later, and so is behind what was there.
  for (let start = 0; ; start += redisLimits.purgeBatch) {
    const range = [String(start), String(start + redisLimits.purgeBatch - 1)];
    const members = (await send(owner.index, ['ZRANGE', owner.index, ...range])) as Buffer[];
    const removals = members.map(async (member) => {
      const key = sessionKey(member.toString('latin1'));
      const command = ['EVAL', removeOwnedScript, '1', key, String(owner.tagOffset), owner.tag];
      const record = await send(key, command);
      if (Buffer.isBuffer(record)) onRemoved(record);
    });
    await Promise.all(removals);
    if (members.length < redisLimits.purgeBatch) return;
  }
}

/** Removes all of our keys from one server, a little at a time. */
export async function purgeServer(
  { send, onRemoved }: PurgeTools,
  sendToServer: (command: RedisCommand) => Promise<unknown>,
  keys: RedisKeys,
): Promise<void> {
  const walk = ['MATCH', `${escapeGlob(keys.prefix)}*`, 'COUNT', String(redisLimits.scanCount)];
  let cursor = '0';
  // It stops: the cursor is 0 again when Redis has looked at all keys that were there at the beginning.
  do {
    const page = await sendToServer(['SCAN', cursor, ...walk]);
    const [next, found] = page as [Buffer, Buffer[]];
    cursor = next.toString('latin1');
    for (let start = 0; start < found.length; start += redisLimits.purgeBatch) {
      const batch = found.slice(start, start + redisLimits.purgeBatch).map(async (bytes) => {
        const key = bytes.toString();
        const record = await send(key, [keys.isSession(key) ? 'GETDEL' : 'UNLINK', key]);
        if (Buffer.isBuffer(record)) onRemoved(record);
      });
      await Promise.all(batch);
    }
  } while (cursor !== '0');
}

function escapeGlob(text: string): string {
  return text.replaceAll(/[\\*?[\]]/g, String.raw`\$&`);
}

/**
 * What an operator is told of a purge that Redis has not completed.
 *
 * @param isConnected - whether Redis was reached nevertheless
 */
export function describePurgeFailure(failure: RedisFailure, isConnected: boolean): string {
  const { cause } = failure;
  const reason = cause instanceof Error ? `${failure.message}: ${cause.message}` : failure.message;
  return (
    `Redis ${isConnected ? 'has failed' : 'is away'} (${reason}), so sessions may be left in it. ` +
    'This server resumes none of them and purges them when Redis is back. Until then other servers may resume ' +
    'them, and so may this one once it has been restarted: purge again then'
  );
}

/*
 * Scripts for what Redis must do in one step. Each has one key, so that it runs in a Cluster as well. They are sent
 * whole: they are so short that it would not pay to ask first whether Redis still has them.
 */

/** Gives a session to an account; its deadline stays. Argument: the tag. Returns 1, or 0 if it is not there. */
export const promoteScript =
  "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end " +
  "redis.call('SETRANGE', KEYS[1], 0, ARGV[1]) return 1";

/** Removes a session if it has a tag at an offset. Arguments: offset, tag. Returns what it removed. */
const removeOwnedScript =
  "local at = tonumber(ARGV[1]) if redis.call('GETRANGE', KEYS[1], at, at + #ARGV[2] - 1) ~= ARGV[2] " +
  "then return false end return redis.call('GETDEL', KEYS[1])";

/** Removes a session unless it has a tag at an offset. Arguments: offset, tag. Returns what it removed. */
export const removeUnlessOwnedScript =
  "local at = tonumber(ARGV[1]) if redis.call('GETRANGE', KEYS[1], at, at + #ARGV[2] - 1) == ARGV[2] " +
  "then return false end return redis.call('GETDEL', KEYS[1])";

/**
 * Adds sessions to the index of their owner, removes those that have expired from it, and lets the index expire
 * after the last one. Arguments: the time before which they have expired, the lifetime, then deadline and id of each.
 */
export const indexScript =
  "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1]) " +
  "for i = 3, #ARGV, 2 do redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1]) end " +
  "return redis.call('PEXPIRE', KEYS[1], ARGV[2])";
