/** What a client is told of the mailbox that it has selected. @see RFC 5465, section 6.1 */
export interface WantedEvents {
  /** Of messages that come and go. */
  readonly messages: boolean;
  /** Of flags that change; only with `messages`. */
  readonly flags: boolean;
  /**
   * Tells more of messages that have come, once the client knows that they are there. Their UIDs are ascending. Absent if there is
   * no more to tell.
   */
  readonly tellNew?: (uids: Uint32Array) => Promise<void>;
}

/** What a client is told that has not said what it wants. */
export const allEvents: WantedEvents = { messages: true, flags: true };

/** What one poll of the selected mailbox may tell. */
export interface PollOptions {
  /** False while the client may use message sequence numbers, which EXPUNGE would change. */
  readonly expunge: boolean;
  /** True if FETCH responses tell the modseq. */
  readonly hasModseq: boolean;
  /** True if messages that are gone are told by VANISHED; absent: by EXPUNGE. */
  readonly hasVanished?: boolean;
}

/** A FETCH response with nothing but what the feed knows. */
export interface FlagsLine {
  /** Message sequence number. */
  readonly number: number;
  /** Place in the feed. */
  readonly index: number;
  /** Whether to tell each of these. */
  readonly uid: boolean;
  readonly flags: boolean;
  readonly modseq: boolean;
}
