// Every transcript in this directory, against a server in this process: in the clear as far as that goes, with STARTTLS, over
// TLS and over resumed TLS. What is announced must have a transcript that needs it.
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import t from 'tap';
import { listCapabilities } from '../../protocol/capability.ts';
import {
  describeScenario,
  readTranscript,
  runTranscript,
  type RunTranscriptOptions,
  startTestServer,
  type Transcript,
} from '../../server/testing.ts';

const server = await startTestServer();
t.teardown(() => server.stop());

let accountCount = 0;
async function addAccount(): Promise<{ readonly user: string; readonly password: string }> {
  accountCount += 1;
  const user = `user${accountCount}`;
  await server.addAccount(user, 'open "sesame"');
  return { user, password: 'open "sesame"' };
}

const target = { host: '127.0.0.1', ca: server.certificate, serverName: 'localhost' };

interface Way {
  readonly name: string;
  readonly options: () => Promise<RunTranscriptOptions>;
}

/** Over resumed TLS one account serves for all scenarios of a file, elsewhere each has its own. */
const ways: readonly Way[] = [
  {
    name: 'in the clear',
    options: async () => ({
      ...target,
      port: server.imapPort,
      security: 'plain',
      credentials: addAccount,
    }),
  },
  {
    name: 'with STARTTLS',
    options: async () => ({
      ...target,
      port: server.imapPort,
      security: 'starttls',
      credentials: addAccount,
    }),
  },
  {
    name: 'over TLS',
    options: async () => ({
      ...target,
      port: server.imapsPort,
      security: 'tls',
      credentials: addAccount,
    }),
  },
  {
    name: 'over resumed TLS',
    options: async () => ({
      ...target,
      port: server.imapsPort,
      security: 'tls',
      credentials: await addAccount(),
      isResuming: true,
    }),
  },
];

/** All that is announced at some stage, to clients without a certificate. */
const announced = new Set<string>(
  (['before-tls', 'before-login', 'after-login'] as const).flatMap((stage) =>
    listCapabilities({ stage, hasCertificate: false, off: new Set() }).map((name) =>
      name.replace(/=\d+$/, ''),
    ),
  ),
);
const revisions = announced.has('IMAP4rev2') ? (['rev1', 'rev2'] as const) : (['rev1'] as const);

const proven = new Set<string>();

const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.imap'));
// tap ends a test in which nothing runs, so nothing may be waited for between two files.
const transcripts = await Promise.all(
  files.map((name) => readTranscript(join(import.meta.dirname, name))),
);
t.plan(files.length + 1);

for (const [index, transcript] of transcripts.entries()) {
  const file = files[index] ?? '';
  await t.test(basename(file, '.imap'), async (t) => {
    const outcomes = new Map<number, string[]>();
    for (const way of ways) {
      for (const revision of revisions) {
        const { scenarios } = await runTranscript(transcript, {
          ...(await way.options()),
          revision,
        });
        for (const result of scenarios) {
          const { title, line, outcome, reason, connections, resumed } = result;
          outcomes.set(line, [...(outcomes.get(line) ?? []), outcome]);
          const name = `${title}, ${way.name}, ${revision}`;
          if (outcome === 'skipped') t.pass(name, { skip: reason ?? true });
          else t.equal(outcome, 'passed', name, { told: describeScenario(result).split('\n') });
          if (way.name === 'over resumed TLS') t.equal(resumed, connections, 'all resumed');
        }
      }
    }
    for (const scenario of transcript.scenarios) {
      const ran = outcomes.get(scenario.line)?.some((outcome) => outcome !== 'skipped');
      t.ok(ran, `"${scenario.title}" was run in some way`);
    }
    for (const name of neededBy(transcript)) proven.add(name.toUpperCase());
  });
}

function neededBy({ scenarios }: Transcript): string[] {
  return scenarios.flatMap(({ needs }) => needs);
}

await t.test('what is announced has a transcript', (t) => {
  for (const name of announced) t.ok(proven.has(name.toUpperCase()), name);
  t.end();
});
