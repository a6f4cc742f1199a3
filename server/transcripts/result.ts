import type { Revision } from './transcript.ts';

/** In what a conversation differs from its transcript. All texts are one character a byte. */
export interface Difference {
  /** Line of the transcript, from 1. */
  readonly line: number;
  /** From 1. */
  readonly connection: number;
  /**
   * - `different`: a response came in the place of another one of its kind
   * - `missing`: a response did not come
   * - `unexpected`: a response came that the transcript does not have
   * - `not-resumed`: the TLS session was to be resumed, and was not
   */
  readonly type: 'different' | 'missing' | 'unexpected' | 'not-resumed';
  /** What was sent last on this connection. */
  readonly sent: string | undefined;
  /** The line as the transcript has it. */
  readonly expected: string | undefined;
  /** The response, with its literals in braces. */
  readonly received: string | undefined;
  /** The first thing in which the two differ. */
  readonly detail: { readonly expected: string; readonly received: string | undefined } | undefined;
  /** Why nothing came: the deadline has passed, or the connection ended. */
  readonly reason: string | undefined;
  /** What had been captured, without what the runner supplies. */
  readonly captured: Readonly<Record<string, string>>;
}

/** What became of one scenario. */
export interface ScenarioResult {
  readonly title: string;
  /** Line at which it begins in its file. */
  readonly line: number;
  readonly rfc: string | undefined;
  readonly revision: Revision;
  /**
   * - `skipped`: the server, or the way it was connected to, has not what it needs
   * - `impossible`: it could not be run
   * - `unreachable`: nor could any other, since the server takes no connection
   */
  readonly outcome: 'passed' | 'failed' | 'skipped' | 'impossible' | 'unreachable';
  /** Why it was skipped, or could not be run. */
  readonly reason: string | undefined;
  readonly differences: readonly Difference[];
  /** How many connections there were, and how many of them resumed a TLS session. */
  readonly connections: number;
  readonly resumed: number;
}

/** What became of the scenarios of a transcript: of all, or up to the first that could not reach the server. */
export interface TranscriptResult {
  /** True if each has passed or was skipped. */
  readonly isPassed: boolean;
  readonly scenarios: readonly ScenarioResult[];
}
