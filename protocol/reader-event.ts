import type { Command, StreamingCommand } from './grammar/commands.ts';
import type { ResponseCode } from './response-code.ts';

/**
 * What a CommandReader found next in the bytes of a client.
 *
 * - `command`: a whole command
 * - `continue`: the client waits for a command continuation request before it sends a literal; the
 *   connection writes `+ …` and goes on
 * - `stream`: a command whose literal streams, up to that literal; `stream-data` events follow, together as many bytes as
 *   were announced. Then comes `stream-next` (what stands before the next literal that streams, and again
 *   `stream-data`), `stream-end` (with what stands behind the last literal, if anything does), or `bad` if what follows the literal is not
 *   of the command's grammar: the connection then drops what has streamed. The data is a view on the chunk that was pushed: whoever keeps it copies it. With
 *   `isWaiting` (a synchronizing literal) the connection answers with a continuation request, or rejects the literal with
 *   `rejectLiteral` before it is sent
 * - `line`: a line that was asked for with `expectLine` (`DONE`, a SASL response), without its CRLF. It may be a
 *   view, too
 * - `bad`: a command that cannot be read; the connection answers `tag BAD [code] text` (`* BAD …` if tag is
 *   undefined), or `tag NO [code] text` if `isNo` is true (a charset that is not known, a message that is too
 *   large, a mailbox name that cannot be), and goes on with the next one
 * - `bye`: a bound was broken in a way that leaves no next command; the connection answers `* BYE [code] text`
 *   and closes. No event comes after it
 */
export type ReaderEvent =
  | { readonly kind: 'command'; readonly tag: string; readonly command: Command }
  | { readonly kind: 'continue'; readonly tag: string }
  | {
      readonly kind: 'stream';
      readonly tag: string;
      readonly command: StreamingCommand;
      readonly isWaiting: boolean;
    }
  | { readonly kind: 'stream-data'; readonly data: Uint8Array }
  | { readonly kind: 'stream-next'; readonly part: object; readonly isWaiting: boolean }
  | { readonly kind: 'stream-end'; readonly part?: object }
  | { readonly kind: 'line'; readonly line: Uint8Array }
  | {
      readonly kind: 'bad';
      readonly tag: string | undefined;
      readonly text: string;
      readonly code?: ResponseCode;
      readonly isNo?: boolean;
      /** True if there is a tag, but behind it no name of a command. */
      readonly isUnknown?: boolean;
    }
  | { readonly kind: 'bye'; readonly text: string; readonly code?: ResponseCode };
