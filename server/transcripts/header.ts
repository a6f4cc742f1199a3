import { transcriptLimits } from './limits.ts';
import type { DeclaredMessage, Revision, Scenario, StartState } from './transcript.ts';
import { TranscriptSyntaxError } from './transcript-error.ts';

/** What the keys before the first line of a scenario say. */
export type Header = Omit<Scenario, 'title' | 'line' | 'steps'>;

/** What holds for a scenario without keys. */
export const defaultHeader: Header = {
  rfc: undefined,
  needs: [],
  lacks: [],
  revisions: ['rev1', 'rev2'],
  transport: undefined,
  state: 'authenticated',
  mailboxes: [],
  messages: [],
};

const transports = ['plain', 'encrypted'] as const;
const states: readonly StartState[] = ['not authenticated', 'authenticated', 'selected'];

/**
 * The header with one more key.
 *
 * @param body - the `|` lines that follow, undefined if there are none
 * @throws TranscriptSyntaxError for a key that does not exist or a value that it cannot have
 */
export function addKey(
  header: Header,
  { line, key, text }: { readonly line: number; readonly key: string; readonly text: string },
  body: string | undefined,
): Header {
  if (body !== undefined && key !== 'message') {
    throw new TranscriptSyntaxError(
      line,
      `Only "message:" has lines that begin with "|", not "${key}:"`,
    );
  }
  switch (key) {
    case 'rfc':
      return { ...header, rfc: text };
    case 'needs':
      return { ...header, needs: [...header.needs, ...words(text)] };
    case 'lacks':
      return { ...header, lacks: [...header.lacks, ...words(text)] };
    case 'revision':
      return { ...header, revisions: readRevisions(text, line) };
    case 'transport':
      return { ...header, transport: oneOf(transports, { text, key, line }) };
    case 'state':
      return { ...header, state: oneOf(states, { text, key, line }) };
    case 'mailbox':
      return { ...header, mailboxes: [...header.mailboxes, text] };
    case 'message':
      return { ...header, messages: [...header.messages, readMessage(text, line, body)] };
    case 'messages':
      return { ...header, messages: [...header.messages, readMessages(text, line)] };
    default:
      throw new TranscriptSyntaxError(
        line,
        `Unknown key "${key}": there are rfc, needs, lacks, revision, transport, state, mailbox, message, messages and allow`,
      );
  }
}

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

function readRevisions(text: string, line: number): readonly Revision[] {
  const value = oneOf(['rev1', 'rev2', 'both'], { text, key: 'revision', line });
  return value === 'both' ? ['rev1', 'rev2'] : [value];
}

function oneOf<Value extends string>(
  values: readonly Value[],
  { text, key, line }: { readonly text: string; readonly key: string; readonly line: number },
): Value {
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  throw new TranscriptSyntaxError(line, `"${key}:" is ${values.join(' or ')}, not "${text}"`);
}

const messagePattern = /^("(?:[^"]*)"|\S+)(?: +\(([^)]*)\))?(?: +"([^"]*)")?$/;
const messagesPattern = /^("(?:[^"]*)"|\S+) +(\d{1,9})(?: +\(([^)]*)\))?(?: +"([^"]*)")?$/;

/** `INBOX (\Seen) "17-Jul-1996 02:44:25 -0700"`, and the message in the lines that follow. */
function readMessage(text: string, line: number, body: string | undefined): DeclaredMessage {
  const [, mailbox, flags = '', internalDate] = messagePattern.exec(text) ?? [];
  if (mailbox === undefined) {
    throw new TranscriptSyntaxError(
      line,
      `Cannot read "message: ${text}": MAILBOX, then (FLAGS) and "DATE" if wanted`,
    );
  }
  if (body === undefined) {
    throw new TranscriptSyntaxError(
      line,
      'A message has lines that begin with "|"; "messages: MAILBOX 1" makes a small one',
    );
  }
  return { mailbox: unquote(mailbox), flags, internalDate, text: body, count: 1 };
}

/** `INBOX 172 (\Seen)`: so many small messages. */
function readMessages(text: string, line: number): DeclaredMessage {
  const [, mailbox, count, flags = '', internalDate] = messagesPattern.exec(text) ?? [];
  if (mailbox === undefined) {
    throw new TranscriptSyntaxError(
      line,
      `Cannot read "messages: ${text}": MAILBOX NUMBER, then (FLAGS) and "DATE" if wanted`,
    );
  }
  if (Number(count) > transcriptLimits.declaredMessages) {
    throw new TranscriptSyntaxError(
      line,
      `At most ${transcriptLimits.declaredMessages} messages, not ${count}`,
    );
  }
  return { mailbox: unquote(mailbox), flags, internalDate, text: undefined, count: Number(count) };
}

function unquote(name: string): string {
  return name.replace(/^"(.*)"$/, '$1');
}
