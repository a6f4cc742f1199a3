// The examples of TRANSCRIPTS.md are right.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  assertTranscript,
  describeScenario,
  runTranscript,
  startTestServer,
} from '../../server/testing.ts';

const page = readFileSync(join(import.meta.dirname, '../../TRANSCRIPTS.md'), 'utf8');
const examples = [...page.matchAll(/^```imap\n([^]*?)^```$/gm)].map(([, text = '']) => text);

const server = await startTestServer();
t.teardown(() => server.stop());
let count = 0;
const options = {
  host: '127.0.0.1',
  port: server.imapsPort,
  security: 'tls',
  isUnchecked: true,
  credentials: async () => {
    count += 1;
    await server.addAccount(`user${count}`, 'secret');
    return { user: `user${count}`, password: 'secret' };
  },
} as const;

await t.test('what it shows as transcripts can be run', async (t) => {
  t.equal(examples.length, 2);
  for (const text of examples) await assertTranscript(text, options);
});

await t.test('what it shows as a difference is one', async (t) => {
  const [example = ''] = examples;
  const changed = example.replace('(\\Flagged {{...}})', '(\\Seen {{...}})');
  const { scenarios } = await runTranscript(changed, options);
  const told = scenarios.map(describeScenario).join('\n');
  const shown = page.replaceAll(/^ {4}/gm, '');
  t.ok(withoutValidity(shown).includes(withoutValidity(told)), told);
});

/** Each mailbox has another one. */
function withoutValidity(text: string): string {
  return text.replaceAll(/validity = \d+/g, 'validity = …');
}
