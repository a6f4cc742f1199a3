/*
 * What Redis must do in one step. Each script has one key, so that it runs on a Cluster as well, and is sent
 * whole, since it is shorter than asking whether Redis still knows it is worth.
 */

/** Gives a session to an account: tag, 1 or 0 comes back. It keeps its deadline. */
export const promoteScript =
  "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end " +
  "redis.call('SETRANGE', KEYS[1], 0, ARGV[1]) return 1";

/** Removes a session if it has this tag at this offset: offset, tag. The removed session comes back. */
export const removeOwnedScript =
  "local at = tonumber(ARGV[1]) if redis.call('GETRANGE', KEYS[1], at, at + #ARGV[2] - 1) ~= ARGV[2] " +
  "then return false end return redis.call('GETDEL', KEYS[1])";

/**
 * Adds sessions to the index of their owner, which forgets those that are over and expires as a whole after
 * the last: time before which they are, lifetime, then deadline and id of each.
 */
export const indexScript =
  "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1]) " +
  "for i = 3, #ARGV, 2 do redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1]) end " +
  "return redis.call('PEXPIRE', KEYS[1], ARGV[2])";
