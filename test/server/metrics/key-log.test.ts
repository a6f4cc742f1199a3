// Numbers agree with what a client sees that writes down its keys and all that is said in its handshakes, and that
// does not believe what its TLS library says of resumption.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { clientPath, skipWithout } from '../../fixtures/clients.ts';
import { runProgram } from '../../fixtures/run-program.ts';
import { metricsOf, startScene } from './agreement-scene.ts';

const visitCount = 4;
const skip = skipWithout('openssl');

for (const cache of ['memory', 'tickets', 'off']) {
  for (const [version, option] of [
    ['TLSv1.2', '-tls1_2'],
    ['TLSv1.3', '-tls1_3'],
  ] as const) {
    void t.test(`${cache}, ${version}`, { skip }, async (t) => {
      const scene = await startScene(t, { REPRISE_WORKERS: '2', REPRISE_SESSION_CACHE: cache });
      const directory = await mkdtemp(join(tmpdir(), 'reprise-key-log-'));
      t.teardown(() => rm(directory, { recursive: true }));
      const at = (name: string): string => join(directory, name);
      let certificateCount = 0;
      for (let visit = 0; visit < visitCount; visit++) {
        const address = `127.0.0.1:${scene.server.process.imapsPort}`;
        const words = `s_client -connect ${address} ${option} -ign_eof -crlf -msg`.split(' ');
        words.push('-keylogfile', at('keys'), '-sess_out', at('session'));
        if (visit > 0) words.push('-sess_in', at('session'));
        const input = 'a NOOP\nb LOGOUT\n';
        const { stdout } = await runProgram(clientPath('openssl'), words, { input });
        t.match(stdout.toString(), 'b OK');
        certificateCount += stdout.toString().match(/^<<< TLS.*, Certificate$/gm)?.length ?? 0;
      }
      const wantedFullCount = cache === 'off' ? visitCount : 1;
      t.equal(certificateCount, wantedFullCount, 'only a full handshake shows a certificate');

      const keys = await readFile(at('keys'), 'utf8');
      const secrets = keys.match(/(?<=^CLIENT_RANDOM \w+ )\w+$/gm);
      if (version === 'TLSv1.2') {
        t.equal(secrets?.length, visitCount);
        t.equal(new Set(secrets).size, wantedFullCount, 'a resumed one has the secret of before');
      }
      const metrics = await metricsOf(scene);
      const mode = { memory: 'stateful', tickets: 'ticket', off: 'none' }[cache];
      const numberOf = (outcome: string): number | undefined =>
        metrics[
          `reprise_tls_handshakes_total{version="${version}",mode="${mode}",outcome="${outcome}"}`
        ];
      t.equal(numberOf('full'), certificateCount);
      t.equal(numberOf('resumed'), visitCount - certificateCount);
      t.equal(numberOf('failed'), 0);
    });
  }
}
