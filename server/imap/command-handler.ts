import type { Command } from '../../protocol/command.ts';
import type { Completion } from './completion.ts';
import type { Session } from './session.ts';

/** The command of a name, as the decoder gives it. */
type CommandNamed<Name, Each = Command> = Each extends { readonly name: infer Names }
  ? Name extends Names
    ? Each
    : never
  : never;

/** How a command came. */
export interface CommandRequest {
  /** For a command that answers before it ends (STARTTLS). */
  readonly tag: string;
  /** True where the client waits for a continuation request before it sends its message (APPEND). */
  readonly isWaiting: boolean;
}

/**
 * Carries out one command and resolves to how it is answered; rejects with a CommandRefusedError or a StoreError
 * for a refusal.
 */
export type CommandHandler<Name extends Command['name']> = (
  session: Session,
  command: CommandNamed<Name>,
  request: CommandRequest,
) => Promise<Completion>;
