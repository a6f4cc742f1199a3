import { expectDateTime, type InternalDate } from '../dates.ts';
import { CommandError, type Decoder, type SentMailbox } from '../decoder.ts';
import { expectFlagList, type Flag } from '../flag.ts';
import { maxAppendSteps } from '../limits.ts';
import { expectSentMailboxArgument } from './command-grammar.ts';

/**
 * What stands before a literal that streams, or before the end of the command.
 *
 * - `message`: a message begins, with the properties that it gets
 * - `url`: the message goes on with what an IMAP URL names (CATENATE)
 */
export type AppendStep =
  | {
      readonly step: 'message';
      readonly flags: readonly Flag[];
      /** Absent: now. */
      readonly internalDate?: InternalDate;
      /** True if the message is put together; else it is the literal that follows. */
      readonly isCatenated?: true;
    }
  | { readonly step: 'url'; readonly url: string };

/** A piece of APPEND, up to a literal that streams, or to the end of the command. */
export interface AppendPart {
  readonly steps: readonly AppendStep[];
  /** Bytes of the literal, as it was announced; absent at the end of the command. */
  readonly sizeBytes?: number;
  /** True if the literal is in a list of CATENATE, which goes on behind it. */
  readonly isInList?: true;
}

/** APPEND up to its first literal that streams, or to its end. @see RFC 3501, section 6.3.11 */
export interface AppendArguments extends AppendPart, SentMailbox {}

/** @see RFC 3501, section 6.3.11; RFC 3502; RFC 4469, section 5 */
export function expectAppendArguments(decoder: Decoder): AppendArguments {
  const mailbox = expectSentMailboxArgument(decoder);
  return { ...mailbox, ...expectMessages(decoder, [], isMulti(decoder)) };
}

/** The one message of REPLACE, with the space before it, up to its first literal that streams, or to the end of the command. */
export function expectOneMessage(decoder: Decoder): AppendPart {
  return expectMessages(decoder, [], false);
}

/** Behind a literal that has streamed; undefined if the command ends there. */
export function expectNextOfAppend(decoder: Decoder, before: AppendPart): AppendPart | undefined {
  const part = expectEndOfMessage(decoder, before);
  if (part?.sizeBytes !== undefined || !isMulti(decoder) || decoder.isAtEnd()) return part;
  return expectMessages(decoder, [...(part?.steps ?? [])], true);
}

/** What stands behind a literal that has streamed, up to the next one or to the end of the message; undefined if nothing does. */
export function expectEndOfMessage(decoder: Decoder, before: AppendPart): AppendPart | undefined {
  if (before.isInList !== true) return undefined;
  const steps: AppendStep[] = [];
  return { steps, ...expectCatenated(decoder, steps, false) };
}

/** True if several messages may come. */
function isMulti(decoder: Decoder): boolean {
  return !decoder.isOff('MULTIAPPEND');
}

/** Messages up to the first literal that streams, or to the end of the command. */
function expectMessages(decoder: Decoder, steps: AppendStep[], isMultiple: boolean): AppendPart {
  do {
    decoder.expectSpace();
    const message = { step: 'message', ...expectProperties(decoder) } as const;
    if (isLiteralNext(decoder)) {
      addStep(steps, message);
      return { steps, ...expectStreamed(decoder) };
    }
    const start = decoder.position;
    const word = decoder.expectAtom('literal').toUpperCase();
    if (word !== 'CATENATE' || decoder.isOff('CATENATE')) throw decoder.expected('literal', start);
    addStep(steps, { ...message, isCatenated: true });
    decoder.expectSpace();
    decoder.expect('(');
    const text = expectCatenated(decoder, steps, true);
    if (text !== undefined) return { steps, ...text };
  } while (isMultiple && !decoder.isAtEnd());
  return { steps };
}

function expectProperties(decoder: Decoder) {
  let flags: readonly Flag[] = [];
  if (decoder.isNext('(')) {
    flags = expectFlagList(decoder);
    decoder.expectSpace();
  }
  if (!decoder.isNext('"')) return { flags };
  const internalDate = expectDateTime(decoder);
  decoder.expectSpace();
  return { flags, internalDate };
}

/** In the parentheses of CATENATE: up to a text, which it returns, or through their end. */
function expectCatenated(decoder: Decoder, steps: AppendStep[], isFirst: boolean) {
  let needsSpace = !isFirst;
  for (;;) {
    if (needsSpace) {
      if (decoder.accept(')')) return undefined;
      decoder.expectSpace();
    }
    needsSpace = true;
    const start = decoder.position;
    const word = decoder.expectAtom('TEXT or URL').toUpperCase();
    if (word !== 'TEXT' && word !== 'URL') throw decoder.expected('TEXT or URL', start);
    decoder.expectSpace();
    if (word === 'TEXT') return { ...expectStreamed(decoder), isInList: true } as const;
    addStep(steps, { step: 'url', url: decoder.expectAString('URL') });
  }
}

function addStep(steps: AppendStep[], step: AppendStep): void {
  if (steps.length >= maxAppendSteps) {
    throw new CommandError(`More than ${maxAppendSteps} messages and URLs without a literal`);
  }
  steps.push(step);
}

function isLiteralNext(decoder: Decoder): boolean {
  return decoder.isNext('{') || decoder.isNext('~');
}

/** The header of a literal, or of a `literal8`, which may have NUL in it. @see RFC 3516, section 4.4 */
function expectStreamed(decoder: Decoder): { readonly sizeBytes: number } {
  if (decoder.isOff('BINARY')) return { sizeBytes: decoder.expectLiteralHeader().sizeBytes };
  return { sizeBytes: decoder.expectLiteral8Header().sizeBytes };
}
