/** Milliseconds since 1970. Injected, so that tests move time and never sleep. */
export type Clock = () => number;

const startedAt = performance.timeOrigin;

/** The time by a clock that nobody sets: it never goes back, and no session lives longer because of it. */
export const steadyClock: Clock = () => startedAt + performance.now();
