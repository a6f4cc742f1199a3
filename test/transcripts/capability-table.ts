// The table of capabilities in the README, from the server's own and the transcripts that need them:
//
//     npm run capability-table
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { format } from 'prettier';
import { documentedCapabilities } from '../../protocol/capability.ts';
import { parseTranscript } from '../../server/testing.ts';

const readmePath = join(import.meta.dirname, '../../README.md');
const begin = '<!-- capabilities: npm run capability-table -->';
const end = '<!-- end of capabilities -->';

/** The README as it is, and as it is to be. */
export async function compareReadme(): Promise<{ readonly is: string; readonly should: string }> {
  const is = readFileSync(readmePath, 'utf8');
  const from = is.indexOf(begin);
  const to = is.indexOf(end);
  if (from < 0 || to < from) throw new Error(`README.md has no "${begin}" before "${end}"`);
  const changed = `${is.slice(0, from + begin.length)}\n\n${makeTable()}\n\n${is.slice(to)}`;
  return {
    is,
    should: await format(changed, { parser: 'markdown', printWidth: 100, singleQuote: true }),
  };
}

function makeTable(): string {
  const transcripts = readNeeds();
  const rows = documentedCapabilities.map(({ name, rfc, isSwitchable, isOffByDefault }) => {
    const files = transcripts.filter(({ needs }) => needs.has(name.toUpperCase()));
    const links = files.map(({ file }) => `[${basename(file, '.imap')}](test/transcripts/${file})`);
    const canBeOff = isOffByDefault ? 'by default' : isSwitchable ? 'yes' : 'no';
    return `| \`${name}\` | ${rfc} | ${canBeOff} | ${links.join(', ')} |`;
  });
  return ['| capability | document | can be off | transcript |', '| - | - | - | - |', ...rows].join(
    '\n',
  );
}

/** What each transcript needs, in capitals. */
function readNeeds(): { readonly file: string; readonly needs: ReadonlySet<string> }[] {
  const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.imap'));
  return files.toSorted().map((file) => {
    const { scenarios } = parseTranscript(readFileSync(join(import.meta.dirname, file), 'utf8'));
    return {
      file,
      needs: new Set(scenarios.flatMap(({ needs }) => needs.map((name) => name.toUpperCase()))),
    };
  });
}

if (import.meta.main) writeFileSync(readmePath, (await compareReadme()).should);
