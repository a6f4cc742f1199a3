/** What a command that worked is answered with: `tag OK [code] text`. */
export interface Completion {
  readonly text: string;
  /** Response code without brackets. */
  readonly code?: string;
  /** True where the connection ends after the answer. */
  readonly isEnd?: boolean;
  /** True where the command has written its tagged response itself. */
  readonly isAnswered?: boolean;
}
