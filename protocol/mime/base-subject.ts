/** A subject without what replying and forwarding has put around it. */
export interface BaseSubject {
  readonly text: string;
  /** True if something was there that says that the message is a reply, or forwards another. */
  readonly isReplyOrForward: boolean;
}

const blob = String.raw`\[[^\[\]]*\]\s*`;

const blobs = new RegExp(`^(?:${blob})*`);

/** `Re:`, `Fwd [list]:`. */
const refwd = new RegExp(String.raw`^(?:re|fwd?)\s*(?:${blob})?:\s*`, 'i');
const trailer = /(?:\(fwd\)|\s)$/i;
const forwardedStart = /^\[fwd:/i;

/**
 * The base subject of a message. Takes time that grows with the subject, and never throws.
 *
 * @param subject decoded text of the unfolded field
 * @see RFC 5256, section 2.1
 */
export function findBaseSubject(subject: string): BaseSubject {
  let text = subject.replaceAll(/\s+/g, ' ');
  let isReplyOrForward = false;
  // Ends: each round but the last makes the text shorter.
  for (;;) {
    const end = withoutTrailers(text);
    const start = withoutLeaders(end.text);
    isReplyOrForward ||= end.isForward || start.isReplyOrForward;
    text = start.text;
    if (!forwardedStart.test(text) || !text.endsWith(']')) return { text, isReplyOrForward };
    text = text.slice('[fwd:'.length, -1);
    isReplyOrForward = true;
  }
}

function withoutTrailers(subject: string): { text: string; isForward: boolean } {
  let text = subject;
  let isForward = false;
  for (let found = trailerOf(text); found !== ''; found = trailerOf(text)) {
    isForward ||= found.trim() !== '';
    text = text.slice(0, -found.length);
  }
  return { text, isForward };
}

/** Only the end is looked at: a pattern without an anchor at its beginning would go through all of a long text each time. */
function trailerOf(text: string): string {
  return trailer.exec(text.slice(-'(fwd)'.length))?.[0] ?? '';
}

function withoutLeaders(subject: string): BaseSubject {
  let text = subject.trimStart();
  let isReplyOrForward = false;
  // Ends: each round but the last takes something away.
  for (;;) {
    const [leading] = blobs.exec(text)!;
    const rest = text.slice(leading.length);
    const [found] = refwd.exec(rest) ?? [];
    if (found === undefined) {
      // What is in brackets is the subject if there is nothing else: the last of it.
      const kept = rest === '' ? text.slice(Math.max(0, text.lastIndexOf('['))) : rest;
      return { text: kept, isReplyOrForward };
    }
    isReplyOrForward = true;
    text = rest.slice(found.length);
  }
}
