import type { ClientMirror, MirrorEntry } from './client-mirror.ts';

/** What a SEARCH looks for. `numbers` are message sequence numbers. */
export type Criterion =
  | { readonly key: 'all' }
  | { readonly key: 'flag'; readonly flag: string; readonly isSet: boolean }
  | { readonly key: 'numbers'; readonly numbers: readonly number[] }
  | { readonly key: 'uids' | 'saved'; readonly uids: readonly number[] }
  | { readonly key: 'modseq'; readonly modseq: number }
  | { readonly key: 'not'; readonly operand: Criterion }
  | { readonly key: 'or' | 'and'; readonly left: Criterion; readonly right: Criterion };

/** What a command means, with its message numbers resolved in what the client believes. */
export type Action =
  | { readonly kind: 'other' }
  | { readonly kind: 'idle' | 'done' | 'close' | 'unselect' }
  | {
      readonly kind: 'store';
      readonly named: readonly MirrorEntry[];
      readonly isUid: boolean;
      readonly mode: 'replace' | 'add' | 'remove';
      readonly isSilent: boolean;
      readonly flags: readonly string[];
      readonly unchangedSince?: number;
    }
  | {
      readonly kind: 'fetch';
      readonly named: readonly MirrorEntry[];
      readonly setsSeen: boolean;
      readonly asksFlags: boolean;
      readonly changedSince?: number;
    }
  | {
      readonly kind: 'search';
      readonly criterion: Criterion;
      readonly isUid: boolean;
      readonly isSaving: boolean;
      /** True if the client follows the results. */
      readonly isFollowed?: boolean;
      /** Of SORT. */
      readonly order?: 'SUBJECT' | 'REVERSE SUBJECT';
    }
  | {
      /** No longer follows the results of the command with this tag. */
      readonly kind: 'cancel';
      readonly tag: string;
    }
  | {
      readonly kind: 'append';
      readonly target: string;
      readonly flags: readonly string[];
      readonly body: string;
    }
  | {
      readonly kind: 'copy' | 'move';
      readonly named: readonly MirrorEntry[];
      readonly target: string;
    }
  | { readonly kind: 'expunge'; readonly named?: readonly MirrorEntry[] }
  | { readonly kind: 'select'; readonly name: string; readonly next: ClientMirror }
  | { readonly kind: 'create' | 'delete' | 'status'; readonly name: string }
  | { readonly kind: 'rename'; readonly name: string; readonly newName: string };

/** A command as it goes out. */
export interface SentCommand {
  /** Without its tag. */
  readonly text: string;
  readonly action: Action;
  /** What the client had selected when it was sent. */
  readonly mirror: ClientMirror | undefined;
  /** FETCH, STORE or SEARCH by message sequence number. */
  readonly usesNumbers: boolean;
  /** Names a message sequence number that the client was not told. */
  readonly isBeyond: boolean;
  /** Message sequence numbers when the command was sent, for MODIFIED. */
  readonly view: readonly MirrorEntry[];
  readonly isCondstore: boolean;
}

/** What the server answered. */
export interface Outcome {
  /** `none` if the connection ended first. */
  status: 'OK' | 'NO' | 'BAD' | 'none';
  code: string;
  /** Response codes of untagged `OK`, in order. */
  readonly conditions: string[];
  /** What STATUS told. */
  counters: ReadonlyMap<string, number> | undefined;
  /** The first EXISTS, for SELECT. */
  exists: number | undefined;
}

/** Before any response has come. */
export function newOutcome(): Outcome {
  return { status: 'none', code: '', conditions: [], counters: undefined, exists: undefined };
}

/** One command with what came of it. */
export interface DoneCommand {
  readonly sent: SentCommand;
  readonly outcome: Outcome;
}
