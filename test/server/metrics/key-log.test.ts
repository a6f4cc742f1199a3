// Numbers agree with what a client sees that writes down its keys and all that is said in its handshakes, and that
// does not believe what its TLS library says of resumption.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { clientPath, skipWithout } from '../../fixtures/clients.ts';
import { runProgram } from '../../fixtures/run-program.ts';
import { metricsOf, type Scene, startScene } from './agreement-scene.ts';

const visitCount = 4;
const skip = skipWithout('openssl');
const versions = { 'TLSv1.2': '-tls1_2', 'TLSv1.3': '-tls1_3' } as const;
const modes = { memory: 'stateful', tickets: 'ticket', off: 'none' } as const;

interface Seen {
  /** Certificates that the server has shown: only a full handshake has one. */
  readonly certificateCount: number;
  /** The key log. */
  readonly keys: string;
}

async function visit(t: Test, { server }: Scene, option: string): Promise<Seen> {
  const directory = await mkdtemp(join(tmpdir(), 'reprise-key-log-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const at = (name: string): string => join(directory, name);
  const address = `127.0.0.1:${server.process.imapsPort}`;
  const words = `s_client -connect ${address} ${option} -ign_eof -crlf -msg`.split(' ');
  words.push('-keylogfile', at('keys'), '-sess_out', at('session'));
  let certificateCount = 0;
  for (let count = 0; count < visitCount; count++) {
    const { stdout } = await runProgram(clientPath('openssl'), words, {
      input: 'a NOOP\nb LOGOUT\n',
    });
    const told = stdout.toString();
    t.match(told, 'b OK');
    certificateCount += told.match(/^<<< TLS.*, Certificate$/gm)?.length ?? 0;
    if (count === 0) words.push('-sess_in', at('session'));
  }
  return { certificateCount, keys: await readFile(at('keys'), 'utf8') };
}

for (const cache of ['memory', 'tickets', 'off'] as const) {
  void t.test(cache, { skip }, async (t) => {
    const scene = await startScene(t, { REPRISE_WORKERS: '2', REPRISE_SESSION_CACHE: cache });
    const wantedFullCount = cache === 'off' ? visitCount : 1;
    for (const [version, option] of Object.entries(versions)) {
      const { certificateCount, keys } = await visit(t, scene, option);
      t.equal(certificateCount, wantedFullCount, version);
      if (version === 'TLSv1.2') {
        const secrets = keys.match(/(?<=^CLIENT_RANDOM \w+ )\w+$/gm);
        t.equal(secrets?.length, visitCount);
        t.equal(new Set(secrets).size, wantedFullCount, 'a resumed one has the secret of before');
      }
      const metrics = await metricsOf(scene);
      const labels = `version="${version}",mode="${modes[cache]}"`;
      const numberOf = (outcome: string): number | undefined =>
        metrics[`reprise_tls_handshakes_total{${labels},outcome="${outcome}"}`];
      t.equal(numberOf('full'), certificateCount);
      t.equal(numberOf('resumed'), visitCount - certificateCount);
      t.equal(numberOf('failed'), 0);
    }
  });
}
