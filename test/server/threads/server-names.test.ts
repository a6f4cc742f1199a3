// Server names while workers serve: what openssl is given under one name it does not resume under another.
import { join } from 'node:path';
import t from 'tap';
import { visitImapWithOpenssl } from '../../fixtures/openssl-client.ts';
import { startTwoWorkers } from '../../fixtures/two-workers.ts';

await t.test(
  'a session made on one port is resumed on both, under its own name only',
  async (t) => {
    const directory = t.testdir({});
    for (const cache of ['memory', 'tickets']) {
      const server = await startTwoWorkers(t, { REPRISE_SESSION_CACHE: cache });
      for (const protocol of ['TLSv1.2', 'TLSv1.3'] as const) {
        for (const isStartTls of [false, true]) {
          let count = 0;
          const visit = (name: string | undefined, isReturning: boolean, onStartTls: boolean) =>
            visitImapWithOpenssl({
              port: onStartTls ? server.process.imapPort : server.process.imapsPort,
              isStartTls: onStartTls,
              protocol,
              sessionFile: join(directory, `${cache} ${protocol} ${isStartTls} ${count}`),
              isReturning,
              end: 'close',
              options: name === undefined ? ['-noservername'] : ['-servername', name],
            });
          for (const [name, wanted] of [
            ['One.example', true],
            ['two.example', false],
            [undefined, false],
          ] as const) {
            for (const onStartTls of [false, true]) {
              count++;
              t.equal(await visit('one.example', false, isStartTls), false);
              const told = `${cache}, ${protocol}, ${isStartTls} to ${onStartTls}, ${name}`;
              t.equal(await visit(name, true, onStartTls), wanted, told);
            }
          }
        }
      }
    }
  },
);
