// Time to open a store in the process and to select its INBOX for the first time:
//
//     npm run bench -- open-store [rounds]
//
// An account is made in between, as a test or a program that embeds the store does. What a process pays once counts by
// itself: loading the engine (from `.ts` here, which takes ten times as long as what is compiled), and the first round, whose
// code no compiler has seen yet. Then the same of a store that is there, with an account and ten messages, for the engine that
// keeps one.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MailStore } from '../../store/mail-store.ts';
import { openStore } from '../../store/open-store.ts';
import { addMessage, makeScene } from '../fixtures/mail-store-contract/store-steps.ts';
import { median, printFigure } from './figures.ts';
import { positionalOf } from './settings.ts';
import { smallMessage } from './small-mail.ts';

const [rounds = '50'] = positionalOf(process.argv.slice(2));
const messageCount = 10;

printFigure(
  'memory, loading the engine',
  await timeMs(() => import('../../store/memory/store.ts')),
  'ms',
);
const inMemory: number[] = [];
for (let round = 0; round <= Number(rounds); round++) inMemory.push(await measureInMemory());
printFigure('memory, the first in the process', inMemory[0]!, 'ms');
printFigure('memory', median(inMemory.slice(1)), 'ms');

printFigure(
  'sqlite, loading the engine',
  await timeMs(() => import('../../store/sqlite/open.ts')),
  'ms',
);
const times = { empty: [] as number[], filled: [] as number[] };
for (let round = 0; round <= Number(rounds); round++) {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'reprise-bench-'));
  try {
    await measure(dataDirectory);
  } finally {
    await rm(dataDirectory, { recursive: true });
  }
}
printFigure('sqlite, new, the first in the process', times.empty[0]!, 'ms');
printFigure('sqlite, new', median(times.empty.slice(1)), 'ms');
printFigure(`sqlite, with ${messageCount} messages`, median(times.filled.slice(1)), 'ms');

async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

async function measureInMemory(): Promise<number> {
  const startMs = performance.now();
  const opened = await openStore({ engine: 'memory' });
  await makeScene(opened.store);
  await select(opened.store);
  const durationMs = performance.now() - startMs;
  await opened.close();
  return durationMs;
}

async function measure(dataDirectory: string): Promise<void> {
  const startMs = performance.now();
  const created = await openStore({ engine: 'sqlite', dataDirectory });
  const scene = await makeScene(created.store);
  await select(created.store);
  times.empty.push(performance.now() - startMs);
  for (let number = 0; number < messageCount; number++) {
    await addMessage(scene, smallMessage(number));
  }
  await created.close();
  const againMs = performance.now();
  const opened = await openStore({ engine: 'sqlite', dataDirectory });
  await select(opened.store);
  times.filled.push(performance.now() - againMs);
  await opened.close();
}

/** What SELECT reads, and the states of all messages, which the next command needs. */
async function select(store: MailStore): Promise<void> {
  const account = await store.findAccount('alice');
  const inbox = await store.findMailbox(account!.id, 'INBOX');
  const open = await store.open(inbox!, () => {});
  await store.claimRecent(inbox!);
  for await (const _ of store.readStates(inbox!, 0));
  open.close();
}
