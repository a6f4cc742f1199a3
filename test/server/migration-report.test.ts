import pino from 'pino';
import t from 'tap';
import { MigrationReport } from '../../server/migration-report.ts';

await t.test('a migration is logged by tenths, and told for the health of the server', (t) => {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  let beginCount = 0;
  const migration = new MigrationReport(pino({ base: null, timestamp: false }, { write }), () => {
    beginCount++;
  });
  t.equal(migration.text, undefined);
  migration.report({ kind: 'began', fromVersion: 1, toVersion: 3, isResumed: false });
  t.equal(beginCount, 1);
  t.equal(migration.text, 'The server is migrating its mail store');
  migration.report({ kind: 'progress', phase: 'backup', share: 0.5 });
  t.equal(migration.text, 'The server is migrating its mail store: backup 50 % done');
  migration.report({ kind: 'backedUp', path: '/data/mail-version-1.db', sizeBytes: 4096 });
  for (let percent = 1; percent <= 100; percent++) {
    migration.report({ kind: 'progress', phase: 'migration', share: percent / 100 });
  }
  t.equal(migration.text, 'The server is migrating its mail store: migration 100 % done');
  migration.report({ kind: 'ended', version: 3 });
  t.equal(migration.text, undefined);
  t.match(lines[0], { msg: 'migrating the mail store', fromVersion: 1, toVersion: 3 });
  t.match(lines[1], { msg: 'migrating the mail store goes on', phase: 'backup', percent: 50 });
  t.match(lines[2], { msg: 'backed up the mail store', path: '/data/mail-version-1.db' });
  t.match(lines.at(-1), { msg: 'migrated the mail store', version: 3 });
  const told = lines.filter(({ phase }) => phase === 'migration');
  t.ok(told.length >= 9 && told.length <= 10, `${told.length} lines of progress`);
  t.end();
});
