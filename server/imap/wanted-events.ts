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
