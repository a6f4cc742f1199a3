// The program of a process that migrates the store of a data directory in many small transactions, and says after each how
// far it is. If there is no store, it first copies the file that is named next.
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Database } from '../../store/sqlite/database.ts';
import { compactStep, makeCompactStep } from '../../store/sqlite/schema/compact-step.ts';
import { migrate } from '../../store/sqlite/schema/migration.ts';
import { type SchemaStep, schemaSteps } from '../../store/sqlite/schema/schema.ts';
import { makeStatePagesStep, statePagesStep } from '../../store/sqlite/schema/state-pages-step.ts';

/** Beside the store's file; it is written once the store is there that is to be migrated. */
export const copiedName = 'copied';

const smallSteps = new Map<SchemaStep, SchemaStep>([
  [compactStep, makeCompactStep({ bodies: 2, bytes: 50_000 })],
  [statePagesStep, makeStatePagesStep(1)],
]);
const steps = schemaSteps.map((step) => smallSteps.get(step) ?? step);

async function run(dataDirectory: string, source: string | undefined): Promise<void> {
  const path = join(dataDirectory, 'mail.db');
  if (!existsSync(path) && source !== undefined) copyDurably(dataDirectory, source);
  const database = new Database(path, 'writer');
  await migrate(database, { steps, onEvent: (event) => writeSync(1, `${event.kind}\n`) });
  database.close();
}

function copyDurably(dataDirectory: string, source: string): void {
  // Not by a call that copies within the system, which the layer below a test does not see.
  writeFileSync(join(dataDirectory, 'mail.db'), readFileSync(source), { flush: true });
  const descriptor = openSync(dataDirectory, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
  closeSync(openSync(join(dataDirectory, copiedName), 'w'));
}

const [, program, dataDirectory, source] = process.argv;
if (program === import.meta.filename) await run(dataDirectory!, source);
