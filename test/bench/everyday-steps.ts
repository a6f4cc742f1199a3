import { bodyWord, everydayMail, subjectOf } from './everyday-mail.ts';

/** `flags`: what a feed answers, with a bound of its own. */
export type StepKind = 'flags' | 'other';

/** One command that mail clients send every day. INBOX is selected before it, and after it. */
export interface EverydayStep {
  readonly name: string;
  readonly kind: StepKind;
  /** What is timed. */
  readonly command: string;
  readonly literal?: Uint8Array;
  /** Sent before and after, and not timed; may be refused. */
  readonly before?: readonly string[];
  readonly after?: readonly string[];
  readonly isMeasuredCold?: boolean;
  /** It selects INBOX itself. */
  readonly isSelecting?: boolean;
}

/** All steps; they leave the mail as it was. */
export function everydaySteps(messageCount: number): readonly EverydayStep[] {
  return [...readingSteps(messageCount), ...changingSteps(messageCount)];
}

function readingSteps(messageCount: number): readonly EverydayStep[] {
  const cold = { isMeasuredCold: true };
  const subject = subjectOf(Math.ceil(messageCount / 2));
  return [
    step('FETCH (UID FLAGS)', 'flags', 'FETCH 1:* (UID FLAGS)', cold),
    step('SEARCH UNSEEN', 'flags', 'UID SEARCH UNSEEN', cold),
    step('SEARCH FLAGGED', 'flags', 'UID SEARCH FLAGGED', cold),
    step(
      'header fields',
      'other',
      'FETCH 1:* (BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE MESSAGE-ID)])',
      cold,
    ),
    step('ENVELOPE', 'other', 'FETCH 1:* (ENVELOPE)', cold),
    // After the fields have been fetched once: Dovecot keeps them from then on, and clients do so before they search.
    step('SEARCH SUBJECT', 'other', `UID SEARCH SUBJECT "${subject}"`, cold),
    step('SEARCH BODY', 'other', `UID SEARCH BODY "${bodyWord}"`),
    step('select again', 'other', 'SELECT INBOX', {
      ...cold,
      isSelecting: true,
      before: ['UNSELECT'],
    }),
  ];
}

function changingSteps(messageCount: number): readonly EverydayStep[] {
  const [message] = everydayMail(1);
  const copied = Math.min(1_000, messageCount);
  const before = ['DELETE Copies', 'CREATE Copies'];
  const after = ['SELECT INBOX', 'DELETE Copies'];
  return [
    step('STORE +FLAGS', 'other', 'STORE 1:* +FLAGS.SILENT (\\Answered)', {
      after: ['STORE 1:* -FLAGS.SILENT (\\Answered)'],
    }),
    step(`COPY of ${copied}`, 'other', `COPY 1:${copied} Copies`, {
      before,
      after: ['DELETE Copies'],
    }),
    step(`EXPUNGE of ${copied}`, 'other', 'EXPUNGE', {
      before: [
        ...before,
        `COPY 1:${copied} Copies`,
        'SELECT Copies',
        'STORE 1:* +FLAGS.SILENT (\\Deleted)',
      ],
      after,
    }),
    step('APPEND', 'other', 'APPEND Appended', {
      literal: message!,
      before: ['CREATE Appended'],
    }),
  ];
}

function step(
  name: string,
  kind: StepKind,
  command: string,
  more: Partial<EverydayStep> = {},
): EverydayStep {
  return { name, kind, command, ...more };
}
