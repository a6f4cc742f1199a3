import type { MessagePort } from 'node:worker_threads';
import { StoreError, type StoreErrorCode } from '../mail-store.ts';
import type { MailboxCommit } from './write-context.ts';
import type { OperationName } from './write-operations.ts';

/** A client asks the writer for a change. */
export interface WriteRequest {
  /** The client's number for it, which the answer repeats. */
  readonly id: number;
  readonly operation: OperationName;
  readonly argument: unknown;
  /** The client's clock; the writer has none of its own. */
  readonly nowMs: number;
  /** Bytes of messages in the argument, for the bound of a group. */
  readonly payloadBytes: number;
}

/**
 * After a commit: the answers to the client's own requests, and what changed in mailboxes that it watches,
 * whoever asked. One message for both, so that a client hears of a change before the answer to it.
 */
export interface WriterReport {
  readonly answers: readonly WriteAnswer[];
  readonly events: readonly MailboxCommit[];
}

export type WriteAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: Failure };

/** An error as it crosses between threads; with `code` it is a {@link StoreError}. */
export interface Failure {
  readonly code: StoreErrorCode | undefined;
  readonly text: string;
}

/** From the thread that opened the store to the writer thread. */
export type WriterControl =
  | {
      readonly kind: 'connect';
      readonly port: MessagePort;
      /** What the client watches. */
      readonly watchCounters: SharedArrayBuffer;
    }
  | { readonly kind: 'close' };

/** From the writer thread, once: that it is ready, or why it is not. */
export type WriterStart =
  { readonly kind: 'ready' } | { readonly kind: 'failed'; readonly text: string };

export function toFailure(error: unknown): Failure {
  return error instanceof StoreError
    ? { code: error.code, text: error.message }
    : { code: undefined, text: error instanceof Error ? error.message : String(error) };
}

export function fromFailure({ code, text }: Failure): Error {
  return code === undefined ? new Error(`Store failed: ${text}`) : new StoreError(code, text);
}
