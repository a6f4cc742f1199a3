/** A clock that was set back by more than this makes sessions from before expired. */
const clockToleranceMs = 60_000;

/** How long the sessions of a cache live. */
export class SessionLife {
  readonly lifetimeMs: number;

  /** @param lifetimeMs - the longest life of a session */
  constructor(lifetimeMs: number) {
    this.lifetimeMs = lifetimeMs;
  }

  /** When a session that comes now expires: not later than the longest life allows, in whole milliseconds. */
  end(expiresAt: number, nowMs: number): number {
    return Math.floor(Math.min(expiresAt, nowMs + this.lifetimeMs));
  }

  /** No session can expire later than one that came just now, unless the clock was set back since it came. */
  isOver(expiresAt: number, nowMs: number): boolean {
    return expiresAt <= nowMs || expiresAt > nowMs + this.lifetimeMs + clockToleranceMs;
  }
}
