import type { ReaderEvent } from '../../protocol/command-reader.ts';
import { ConnectionLostError } from '../net/transport.ts';

/** The text of a line that was asked for, one character an octet, without spaces around it. */
export function decodeLine(event: ReaderEvent | undefined): string {
  if (event === undefined) throw new ConnectionLostError();
  if (event.kind !== 'line') throw new Error(`Unexpected ${event.kind} event`);
  return Buffer.from(event.line).toString('latin1').trim();
}
