import type { Responses } from '../responses.ts';

/** Results of searches that go on, of which a client is told beside what has changed in its mailbox. @see RFC 5267 */
export interface ResultUpdates {
  /** True if there may be something that the client has not been told. */
  readonly hasNews: boolean;
  /** Called after each change in the mailbox. */
  letGo(): void;
  /** Before messages that are gone (UIDs, ascending) are told, or while that is not allowed. */
  tellGone(out: Responses, gone: Uint32Array): Promise<void>;
  /** Once the client has been told what has come and changed. */
  tellChanged(out: Responses): Promise<void>;
  close(): void;
}
