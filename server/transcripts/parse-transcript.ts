import { addKey, defaultHeader, type Header } from './header.ts';
import { transcriptLimits } from './limits.ts';
import { PlaceholderError, PlaceholderReader } from './placeholder.ts';
import { ScenarioParser } from './scenario-parser.ts';
import type { AllowStep, Scenario, Transcript } from './transcript.ts';
import { TranscriptSyntaxError } from './transcript-error.ts';
import { cutLines, type TranscriptLine } from './transcript-lines.ts';

/**
 * Reads a transcript. Its format is described in TRANSCRIPTS.md.
 *
 * @throws TranscriptSyntaxError that says in which line what is wrong
 */
export function parseTranscript(text: string): Transcript {
  if (text.length > transcriptLimits.transcriptBytes) {
    throw new TranscriptSyntaxError(1, `More than ${transcriptLimits.transcriptBytes} bytes`);
  }
  const parts = cutAtTitles(cutLines(text));
  const [beginning] = parts;
  if (beginning === undefined) throw new TranscriptSyntaxError(1, 'There is nothing in it');
  const common = readHeader(beginning.lines, defaultHeader);
  const isOneScenario = parts.length === 1;
  const scenarios: Scenario[] = [];
  if (common.rest.length > 0) {
    scenarios.push(
      readScenario({ ...beginning, lines: common.rest }, common.header, common.allows),
    );
  } else if (isOneScenario) {
    throw new TranscriptSyntaxError(1, 'There is no line that begins with C: or S:');
  }
  for (const part of parts.slice(1)) {
    const { header, allows, rest } = readHeader(part.lines, common.header);
    scenarios.push(readScenario({ ...part, lines: rest }, header, [...common.allows, ...allows]));
  }
  return { scenarios };
}

interface Part {
  readonly title: string;
  readonly line: number;
  readonly lines: readonly TranscriptLine[];
}

/** The first part has what is before the first title. */
function cutAtTitles(lines: readonly TranscriptLine[]): Part[] {
  let current: { title: string; line: number; lines: TranscriptLine[] } = {
    title: '',
    line: lines[0]?.line ?? 1,
    lines: [],
  };
  const parts = [current];
  for (const line of lines) {
    if (line.type === 'title') {
      current = { title: line.text, line: line.line, lines: [] };
      parts.push(current);
    } else {
      current.lines.push(line);
    }
  }
  return parts;
}

interface ReadHeader {
  readonly header: Header;
  readonly allows: readonly AllowStep[];
  /** What comes behind the keys. */
  readonly rest: readonly TranscriptLine[];
}

function readHeader(lines: readonly TranscriptLine[], base: Header): ReadHeader {
  let header = base;
  let at = 0;
  const allows: TranscriptLine[] = [];
  for (let line = lines[at]; line?.type === 'key'; line = lines[at]) {
    at += 1;
    const body: string[] = [];
    for (let next = lines[at]; next?.type === 'message'; next = lines[at]) {
      body.push(readMessageLine(next));
      at += 1;
    }
    const text = body.length === 0 ? undefined : body.join('');
    if (line.key === 'allow') allows.push(line);
    else header = addKey(header, line, text);
  }
  const parser = new ScenarioParser(allows);
  const steps = parser.parse().filter((step): step is AllowStep => step.type === 'allow');
  return { header, allows: steps, rest: lines.slice(at) };
}

/** A line of a message as bytes; it may have escapes, but nothing that is known only when it runs. */
function readMessageLine({ line, text }: { readonly line: number; readonly text: string }): string {
  const reader = new PlaceholderReader(new Set());
  try {
    const bytes = reader.read(text);
    if (reader.placeholders.length > 0) throw new PlaceholderError('A message has no placeholders');
    return `${bytes}\r\n`;
  } catch (error) {
    if (!(error instanceof PlaceholderError)) throw error;
    throw new TranscriptSyntaxError(line, error.message);
  }
}

function readScenario(part: Part, header: Header, allows: readonly AllowStep[]): Scenario {
  const { title, line, lines } = part;
  const steps = new ScenarioParser(lines).parse();
  if (steps.length === 0) {
    throw new TranscriptSyntaxError(line, `"${title}" has no line that begins with C: or S:`);
  }
  return { ...header, title, line, steps: [...allows, ...steps] };
}
