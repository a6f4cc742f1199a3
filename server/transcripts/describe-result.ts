import type { Difference, ScenarioResult } from './result.ts';

/** Characters of a line that are shown; what is longer is cut, with its length. */
const maxShownLength = 2_000;

const typeNames: Readonly<Record<Difference['type'], string>> = {
  different: 'another response came',
  missing: 'a response is missing',
  unexpected: 'a response that is not in the transcript',
  'not-resumed': 'no TLS session was resumed',
};

/** What became of a scenario, in lines for a person. */
export function describeScenario(result: ScenarioResult): string {
  const { title, outcome, reason, differences, connections, resumed, revision } = result;
  const name = title === '' ? `line ${result.line}` : title;
  const sessions = resumed > 0 ? `, ${resumed} of ${connections} connections resumed` : '';
  const head = `${outcomeNames[outcome]} ${name} (IMAP4${revision}${sessions})`;
  if (reason !== undefined) return `${head}: ${reason}`;
  return [head, ...differences.map(describeDifference)].join('\n');
}

const outcomeNames: Readonly<Record<ScenarioResult['outcome'], string>> = {
  passed: 'ok      ',
  failed: 'FAILED  ',
  skipped: 'skipped ',
  impossible: 'FAILED  ',
  unreachable: 'FAILED  ',
};

/**
 * A difference in lines for a person: where it is, what was sent, what was expected and received, the first thing in which
 * the two differ, and what had been captured.
 */
export function describeDifference(difference: Difference): string {
  const { line, connection, type, sent, expected, received, detail, reason, captured } = difference;
  const lines = [`  line ${line}, connection ${connection}: ${typeNames[type]}`];
  const add = (label: string, text: string | undefined) => {
    if (text === undefined) return;
    const [first = '', ...rest] = showText(text);
    lines.push(`    ${label.padEnd(9)} ${first}`, ...rest.map((more) => `              ${more}`));
  };
  add('sent', sent === undefined ? undefined : `C: ${sent}`);
  add('expected', expected === undefined ? undefined : `S: ${expected}`);
  add('received', received === undefined ? undefined : `S: ${received}`);
  if (received === undefined)
    add('received', reason ?? (type === 'missing' ? 'something else' : undefined));
  if (detail !== undefined) {
    add('where', `${detail.expected} was expected, ${detail.received ?? 'nothing'} came`);
  }
  const names = Object.entries(captured);
  if (names.length > 0)
    add('captured', names.map(([name, value]) => `${name} = ${value}`).join(', '));
  return lines.join('\n');
}

/** Bytes as text in lines: UTF-8 if it is, without characters that a terminal obeys. */
function showText(bytes: string): string[] {
  const isCut = bytes.length > maxShownLength;
  const shown = isCut ? bytes.slice(0, maxShownLength) : bytes;
  const text = Buffer.from(shown, 'latin1').toString('utf8');
  const lines = text
    .split('\r\n')
    .map((line) => line.replaceAll(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/g, escapeCharacter));
  return isCut ? [...lines, `… (${bytes.length} bytes)`] : lines;
}

function escapeCharacter(character: string): string {
  return `{{\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}}}`;
}
