// Every transcript in this directory, against servers in this process: in the clear as far as that goes, with STARTTLS, over
// TLS and over resumed TLS. What a scenario says that the server lacks is turned off for it. What is announced must have a
// transcript that needs it. Over TLS each is run once more against a server that has IMAP4rev2 alone.
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import t from 'tap';
import { findSwitchableCapability, listCapabilities } from '../../protocol/capability.ts';
import {
  describeScenario,
  readTranscript,
  runTranscript,
  type RunTranscriptOptions,
  startTestServer,
  type TestServer,
  type Transcript,
} from '../../server/testing.ts';
import { TestAuthority } from '../fixtures/test-authority.ts';

type Scenario = Transcript['scenarios'][number];
type Revision = Scenario['revisions'][number];

const password = 'open "sesame"';
/** Less than messagelimit.imap has of messages, and more than the others name in one command. */
const messageLimit = 300;
let accountCount = 0;

async function addAccount(server: TestServer) {
  accountCount += 1;
  const user = `user${accountCount}`;
  await server.addAccount(user, password);
  return { user, password };
}

interface Way {
  readonly name: string;
  readonly isImplicitTls: boolean;
  readonly security: RunTranscriptOptions['security'];
  /** True: and one account serves for all scenarios of a file, where elsewhere each has its own, but for certificates. */
  readonly isResuming?: true;
}

const overTls: Way = { name: 'over TLS', isImplicitTls: true, security: 'tls' };

const ways: readonly Way[] = [
  { name: 'in the clear', isImplicitTls: false, security: 'plain' },
  { name: 'with STARTTLS', isImplicitTls: false, security: 'starttls' },
  overTls,
  { name: 'over resumed TLS', isImplicitTls: true, security: 'tls', isResuming: true },
];

async function optionsOf(
  server: TestServer,
  way: Way,
  needs: readonly string[],
): Promise<RunTranscriptOptions> {
  // A certificate names its account, which then serves for all scenarios.
  const hasCertificate = needs.includes('AUTH=EXTERNAL');
  const account = way.isResuming || hasCertificate ? await addAccount(server) : undefined;
  return {
    host: '127.0.0.1',
    port: way.isImplicitTls ? server.imapsPort : server.imapPort,
    security: way.security,
    ca: server.certificate,
    serverName: 'localhost',
    credentials: account ?? (() => addAccount(server)),
    isResuming: way.isResuming ?? false,
    ...(account !== undefined &&
      hasCertificate && {
        clientCertificate: await authority.issue({ commonName: account.user }),
      }),
  };
}

/** What a scenario wants to be turned off, as a key of the server for it. */
function keyOf({ lacks }: Scenario): string {
  return lacks.toSorted().join(' ');
}

const authority = await TestAuthority.create('Test authority');
const directory = t.testdir({ 'keys.json': '{ "keys": [] }', 'authority.pem': authority.cert });
/** Announces the mechanisms with tokens; there are no keys, and so no token that counts. */
const keySet = join(directory, 'keys.json');
const clientCertificates = { caPath: join(directory, 'authority.pem'), isRequired: false };
const tokens = { issuer: 'https://example.org', audiences: ['imap'], keys: keySet, claim: 'email' };

async function startServer(key: string): Promise<TestServer> {
  const names = key.split(' ').filter(Boolean);
  const capabilitiesOff = names.map((name) => {
    const found = findSwitchableCapability(name);
    if (found === undefined) throw new Error(`"${name}" cannot be turned off`);
    return found;
  });
  // For mailbox-referrals.
  const remoteMailboxes = ['SERVER2/SHARED', 'SERVER2/REMOTE', 'SERVER3/REMOTE'].map(
    (place) => `imap://${place}`,
  );
  // For login-referrals.
  const elsewhere = { MIKE: 'imap://MIKE;AUTH=*@SERVER2/', user: 'imap://SERVER2/' };
  const accounts = { MIKE: password, user: password };
  return startTestServer({
    capabilitiesOff,
    messageLimit,
    tokens,
    clientCertificates,
    accounts,
    elsewhere,
    remoteMailboxes,
  });
}

/** All that is announced at some stage, to clients with a certificate. */
const announced = new Set<string>(
  (['before-tls', 'before-login', 'after-login'] as const).flatMap((stage) =>
    listCapabilities({ stage, hasCertificate: true, off: new Set() }).map(withoutValue),
  ),
);
const revisions = announced.has('IMAP4rev2') ? (['rev1', 'rev2'] as const) : (['rev1'] as const);

const proven = new Set<string>();

const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.imap'));
// tap ends a test in which nothing runs, so nothing may be waited for between two files.
const transcripts = await Promise.all(
  files.map((name) => readTranscript(join(import.meta.dirname, name))),
);
const alone = 'IMAP4rev1';
const keys = [...new Set(transcripts.flatMap(({ scenarios }) => scenarios.map(keyOf)))];
const servers = new Map<string, TestServer>();
for (const key of new Set([...keys, alone])) servers.set(key, await startServer(key));
t.teardown(() => Promise.all([...servers.values()].map((server) => server.stop())));
t.plan(files.length + 1);

for (const [index, transcript] of transcripts.entries()) {
  const file = files[index] ?? '';
  await t.test(basename(file, '.imap'), async (t) => {
    const ran = new Set<number>();
    const run = async (
      scenarios: readonly Scenario[],
      key: string,
      way: Way,
      revision: Revision,
    ) => {
      const server = servers.get(key);
      if (server === undefined) throw new Error(`No server lacks "${key}"`);
      const needs = scenarios.flatMap((scenario) => scenario.needs);
      const options = { ...(await optionsOf(server, way, needs)), revision };
      for (const result of (await runTranscript({ scenarios }, options)).scenarios) {
        const { title, line, outcome, reason, connections, resumed } = result;
        const name = `${title}, ${way.name}, ${revision}${key && ` without ${key}`}`;
        if (outcome === 'skipped') {
          t.pass(name, { skip: reason ?? true });
          continue;
        }
        ran.add(line);
        t.equal(outcome, 'passed', name, { told: describeScenario(result).split('\n') });
        if (way.isResuming) t.equal(resumed, connections, 'all resumed');
      }
    };
    for (const key of servers.keys()) {
      const scenarios = transcript.scenarios.filter((scenario) => keyOf(scenario) === key);
      if (scenarios.length === 0) continue;
      for (const way of ways) {
        for (const revision of revisions) await run(scenarios, key, way, revision);
      }
    }
    const others = transcript.scenarios.filter((scenario) => keyOf(scenario) === '');
    if (others.length > 0) await run(others, alone, overTls, 'rev2');
    for (const { title, line } of transcript.scenarios) {
      t.ok(ran.has(line), `"${title}" was run in some way`);
    }
    for (const name of neededBy(transcript)) proven.add(withoutValue(name).toUpperCase());
  });
}

/** The name of `APPENDLIMIT=1000`, and of `I18NLEVEL=1`. */
function withoutValue(capability: string): string {
  return capability.replace(/=\d+$/, '');
}

function neededBy({ scenarios }: Transcript): string[] {
  return scenarios.flatMap(({ needs }) => needs);
}

await t.test('what is announced has a transcript', (t) => {
  for (const name of announced) t.ok(proven.has(name.toUpperCase()), name);
  t.end();
});
