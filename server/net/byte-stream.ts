/** The client is gone; what was to be written has no reader. Not an error of the server. */
export class ConnectionLostError extends Error {
  constructor() {
    super('The client has closed the connection');
    this.name = 'ConnectionLostError';
  }
}

/** Where a protocol writes: the way out of a transport. */
export interface ByteSink {
  /**
   * Sends bytes, or text of one byte a character (latin1). Bytes are not changed by their owner afterwards. What is
   * written to a client that is gone is dropped.
   */
  write(data: string | Uint8Array): void;
  /** True while the client does not keep up: wait for {@link drained} before writing more. */
  readonly isFull: boolean;
  /** Settles when the client has taken what waits; rejects with {@link ConnectionLostError} when it is gone. */
  drained(): Promise<void>;
  /** Ends the connection at once; what waits is lost. */
  destroy(): void;
}

/** What a protocol does with the bytes of its client. */
export interface ByteReceiver {
  /** Takes bytes, and owns them. May call `pause` of its transport. */
  receiveBytes(bytes: Buffer): void;
  /** No more bytes come: the client has closed its side, or is gone. Called at least once. */
  receiveEnd(): void;
  /** What the client sends is not compressed as it should be. Nothing more comes; what is written still goes out. */
  receiveUnreadable(error: Error): void;
}
