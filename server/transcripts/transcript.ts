import type { MarkedText } from './placeholder.ts';
import type { ResponseShape } from './response-shape.ts';

/** The versions of IMAP that a scenario can be run in. */
export type Revision = 'rev1' | 'rev2';

/** How far a connection is when the first line of a scenario is met. @see RFC 9051, section 3 */
export type StartState = 'not authenticated' | 'authenticated' | 'selected';

/** A transcript: the scenarios of one file, each of which begins on a fresh account. */
export interface Transcript {
  readonly scenarios: readonly Scenario[];
}

/** One conversation, with what it needs. */
export interface Scenario {
  readonly title: string;
  /** Where it begins in its file, from 1. */
  readonly line: number;
  /** The document and section that it replays. */
  readonly rfc: string | undefined;
  /** Capabilities without which it is skipped. */
  readonly needs: readonly string[];
  /** Capabilities with which it is skipped. */
  readonly lacks: readonly string[];
  readonly revisions: readonly Revision[];
  /** Absent: any. */
  readonly transport: 'plain' | 'encrypted' | undefined;
  readonly state: StartState;
  readonly mailboxes: readonly string[];
  readonly messages: readonly DeclaredMessage[];
  readonly steps: readonly Step[];
}

/** Messages that are put into a mailbox before the scenario begins. */
export interface DeclaredMessage {
  readonly mailbox: string;
  /** As in `(\Seen $Junk)`, without the parentheses. */
  readonly flags: string;
  /** As in APPEND, without quotes; absent: now. */
  readonly internalDate: string | undefined;
  /** The whole message, one character a byte; absent: a small one, different each time. */
  readonly text: string | undefined;
  readonly count: number;
}

interface StepPlace {
  /** Line of the file, from 1. */
  readonly line: number;
  /** From 1. */
  readonly connection: number;
  /** The revision in which it counts; absent: any. */
  readonly revision: Revision | undefined;
}

/** What the client sends; `source` is the line as it was written. */
export interface SendStep extends StepPlace {
  readonly type: 'send';
  readonly source: string;
  /** Bytes with marks; CRLF and all. */
  readonly text: MarkedText;
}

/** A response that must come, unless it `isOptional`. */
export interface ExpectStep extends StepPlace {
  readonly type: 'expect';
  readonly source: string;
  readonly isOptional: boolean;
  readonly response: ExpectedResponse;
}

/** A response as a transcript has it. */
export interface ExpectedResponse {
  readonly shape: ResponseShape;
  readonly placeholders: MarkedText['placeholders'];
  /** True if it was written in several lines, so that nobody knows where spaces are. */
  readonly isJoined: boolean;
}

/** Responses that must come in whatever order. */
export interface AnyOrderStep extends StepPlace {
  readonly type: 'any-order';
  readonly steps: readonly ExpectStep[];
}

/** `S: ...`: any untagged responses, or none, until one that the next line expects. */
export interface AnythingStep extends StepPlace {
  readonly type: 'anything';
}

/** `allow: …`: an untagged response that may come at any time from now on, on each connection. */
export interface AllowStep extends StepPlace {
  readonly type: 'allow';
  readonly response: ExpectedResponse;
}

/** What happens to a connection beside its lines. */
export interface ConnectionStep extends StepPlace {
  readonly type: 'server-closes' | 'client-closes' | 'start-tls' | 'start-deflate';
}

/** One step of a scenario. */
export type Step = SendStep | ExpectStep | AnyOrderStep | AnythingStep | AllowStep | ConnectionStep;
