import type { Command } from '../../protocol/grammar/commands.ts';
import type { TlsEvent } from '../../tls/index.ts';

/** The port that a client came to: in the clear with STARTTLS, or TLS from the first byte. */
export type ClientPort = 'imap' | 'imaps';

/**
 * What became of a login:
 *
 * - `accepted`, `refused`: the password, or what stands for it, was right or not
 * - `busy`: it was not looked at, since too many waited
 */
export type LoginResult = 'accepted' | 'refused' | 'busy' | 'referred';

/**
 * What a command was answered with: `ok`, `no`, `bad`; `error` where the server failed (a `NO` for the
 * client); `ended` where the connection was over before there was an answer.
 */
export type CommandResult = 'ok' | 'no' | 'bad' | 'error' | 'ended';

/**
 * Why the server has ended a connection:
 *
 * - `late`, `autologout`: no login in time; nothing said for too long after
 * - `notImap`: the first command before login was none
 * - `notTls`: TLS was expected, and the client sent something else
 * - `commandFlood`: too many commands in a second before login
 * - `unfinishedInput`: strangers had sent too much that they did not finish, and most was of its address group
 * - `stalled`: the client took no output for too long, or too much waits for it
 * - `proxyHeader`: a PROXY header was missing, malformed or from an address that is not trusted
 * - `room`, `slow`: as `AdmissionEndReason`
 */
export type ConnectionEndCause =
  | 'late'
  | 'autologout'
  | 'notImap'
  | 'notTls'
  | 'commandFlood'
  | 'unfinishedInput'
  | 'stalled'
  | 'proxyHeader'
  | 'room'
  | 'slow';

/** Counts what happens in a thread that serves clients. Its methods are cheap and do not throw. */
export interface MetricsRecorder {
  recordTlsEvent(event: TlsEvent): void;
  recordConnectionOpened(port: ClientPort): void;
  /** Once for each that was opened. */
  recordConnectionClosed(port: ClientPort): void;
  /** A client was sent away, since there were too many or the server stops. */
  recordConnectionRefused(): void;
  /** The server has ended a connection that a client would have kept. */
  recordConnectionEnded(cause: ConnectionEndCause): void;
  recordLogin(result: LoginResult): void;
  /** @param name - undefined where the command could not be read */
  recordCommand(name: Command['name'] | undefined, result: CommandResult): void;
}

/** Counts nothing. */
export const noMetrics: MetricsRecorder = {
  recordTlsEvent() {},
  recordConnectionOpened() {},
  recordConnectionClosed() {},
  recordConnectionRefused() {},
  recordConnectionEnded() {},
  recordLogin() {},
  recordCommand() {},
};
