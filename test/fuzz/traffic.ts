import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseTranscript } from '../../server/transcripts/parse-transcript.ts';
import {
  fillerText,
  replacePlaceholders,
  type MarkedText,
} from '../../server/transcripts/placeholder.ts';
import type { Scenario } from '../../server/transcripts/transcript.ts';
import { clientTraffic } from '../fixtures/client-traffic.ts';

const transcripts = join(import.meta.dirname, '../transcripts');
/** Of a filler in a transcript: a longer one would only take time. */
const maxFillerBytes = 2_000;

/**
 * What the clients of all transcripts and some real ones say, one character a byte: each session is a list of what is sent
 * at a time, mostly a command with its literals. New transcripts are in it by themselves.
 */
export function readTraffic(): string[][] {
  const files = readdirSync(transcripts).filter((name) => name.endsWith('.imap'));
  const scenarios = files
    .toSorted()
    .flatMap((name) => parseTranscript(readFileSync(join(transcripts, name), 'utf8')).scenarios);
  const real = Object.values(clientTraffic).map((text) => text.match(/[^\n]+\n?/g) ?? []);
  return [...scenarios.map(sentIn), ...real].filter(({ length }) => length > 0);
}

function sentIn({ steps }: Scenario): string[] {
  return steps.flatMap((step) => (step.type === 'send' ? [fill(step.text)] : []));
}

function fill({ text, placeholders }: MarkedText): string {
  return replacePlaceholders(text, placeholders, (placeholder) => {
    switch (placeholder.type) {
      case 'size':
        return String(fill(placeholder.literal()).length);
      case 'bytes':
        return fillerText(Math.min(placeholder.count, maxFillerBytes));
      default:
        return '1';
    }
  });
}
