/** Bounds of the transcripts: what a file may be, and what is kept of what a server sends. */
export const transcriptLimits = {
  /** Bytes of one transcript: a thousand times a usual one, and no surprise when a wrong file is named. */
  transcriptBytes: 4 * 1024 * 1024,
  /** Bytes of one response with its literals, so that a server that never ends a line costs no more. */
  responseBytes: 64 * 1024 * 1024,
  /** Messages that one `messages:` line declares: each is one APPEND. */
  declaredMessages: 10_000,
  /** Placeholders in one response: each is one character of Unicode's private area while it is compared. */
  placeholders: 2_000,
  /** Bytes that one `{{bytes N}}` stands for. */
  fillerBytes: 64 * 1024 * 1024,
  /** Responses that are read after a difference to show what else came: a FETCH of everything may have many more. */
  responsesAfterDifference: 1_000,
} as const;

/** How long a server may take for each expected line unless the caller says otherwise, in milliseconds. */
export const defaultDeadlineMs = 10_000;

/** Bytes of a literal of a client that `reprise record` writes down; the rest becomes filler of the same size. */
export const recordedLiteralBytes = 4 * 1024;
