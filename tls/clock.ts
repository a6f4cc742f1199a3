/** Milliseconds since 1970. Injected, so that tests move time and never sleep. */
export type Clock = () => number;
