/**
 * The multi-session model test from the command line: random commands of several sessions on shared mailboxes
 * of a real server, over TLS, compared after each step with a small model in memory.
 *
 *     npm run model -- --steps 200000 --seed 1 --workers 2
 *
 * | option | what it does |
 * |---|---|
 * | `--steps N` | steps in all; a round has 400 of them, on fresh mailboxes and connections (default 10000) |
 * | `--seed S` | the first round has this seed, each other one the next (default 1) |
 * | `--workers W` | `REPRISE_WORKERS` of the server (default 2) |
 * | `--store S` | `REPRISE_STORE` of the server: `sqlite` or `memory`, which has no workers (default `sqlite`) |
 * | `--sessions N` | sessions at one time; absent: 2 to 5, another number in each round, and 8 in some |
 * | `--server-root DIR` | runs the server of another directory, as an older commit |
 * | `--operations A,B` | only these operations, all on one mailbox, every other step a race |
 * | `--ignore R,R` | passes over rules, by the names in rules.ts of rules or faults: `mail-held-back,bye` |
 * | `--find R,R` | passes over all rules but these |
 * | `--all` | a failure ends its round only; one of each rule is printed at the end |
 * | `--shrink` | makes the steps of the failure few, 60 s at most |
 * | `--keep FILE` | writes them as a case, which model.test.ts replays (in test/model/cases); shrinks too |
 * | `--case FILE` | runs a case instead, as often as it says |
 * | `--trace N` | lines of the trace to print (default 60) |
 *
 * How it works. A seed decides the operations (random-commands.ts); what they mean is resolved when they are
 * sent, in what the client believes (resolve-command.ts). Each client is rebuilt from its responses alone
 * (client-mirror.ts). When the answers of a step have come, an order of its commands is sought in which every
 * answer, everything told, and what a fresh client finds are right (step-check.ts, command-effects.ts,
 * fact-check.ts). A step `settle` compares all: the model, fresh clients, and each session after NOOP
 * (model-round.ts, view-check.ts). A change may take its time from one worker to another, but it must arrive.
 * Some clients lose their connection (`drop`) and come back with what they know (QRESYNC): what they are told makes it complete.
 * Some have no message sequence numbers (UIDONLY), and know of new messages no more than their count until they ask.
 *
 * To see that the test still finds a fault: put it back into the server by hand, or take the commit that has
 * it, and run `npm run model -- --steps 10000 --seed 1 --workers 2 --find foreign-flags-lost`, say; it must fail
 * within these steps, and with `--workers 0`, too. Without `--find` any rule may be the first to tell. Each rule has a unit
 * test with a faked server besides (*.test.ts).
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { StoreEngine } from '../../server/config/configuration.ts';
import { storeEngines } from '../../server/config/configuration-schema.ts';
import { readCase, runCase, type ModelCase } from './model-case.ts';
import type { Operation } from './random-commands.ts';
import { parseRules, rules, type Rule } from './rules.ts';
import { ModelServer, runModel, type ModelFailure } from './run-model.ts';
import { describeSteps, shrinkSteps } from './shrink.ts';

const shrinkMs = 60_000;

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    store: { type: 'string', default: 'sqlite' },
    sessions: { type: 'string' },
    'server-root': { type: 'string' },
    operations: { type: 'string' },
    ignore: { type: 'string', default: '' },
    find: { type: 'string' },
    all: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    keep: { type: 'string' },
    case: { type: 'string' },
    trace: { type: 'string', default: '60' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.help) {
  console.log(usage());
  process.exit();
}

const ignored = parseRules(values.ignore);
const wanted = values.find === undefined ? undefined : parseRules(values.find);
const isIgnored = (rule: Rule): boolean => ignored.has(rule) || wanted?.has(rule) === false;

const startedMs = performance.now();
const root = values['server-root'];
const server = await ModelServer.start({
  workers: Number(values.workers),
  store: expectEngine(values.store),
  ...(root !== undefined && { root }),
});
try {
  if (values.case !== undefined) await replay(values.case);
  else await run();
} finally {
  await server.stop();
}

/** The options, as the comment at the top of this file has them. */
function usage(): string {
  const rows = readFileSync(import.meta.filename, 'utf8').matchAll(
    /^ \* \| `(--.+?)` \| (.+) \|$/gm,
  );
  const lines = [...rows].map(([, option = '', does = '']) => `  ${option.padEnd(20)} ${does}`);
  return ['npm run model -- [OPTION …]', '', ...lines].join('\n');
}

function expectEngine(name: string): StoreEngine {
  const engine = storeEngines.find((each) => each === name);
  if (engine === undefined) throw new Error(`Cannot keep mail in "${name}"`);
  return engine;
}

async function run(): Promise<void> {
  const result = await runModel(server, {
    steps: Number(values.steps),
    seed: Number(values.seed),
    ...(values.sessions !== undefined && { sessions: Number(values.sessions) }),
    ...(values.operations !== undefined && {
      only: values.operations.split(',') as Operation['name'][],
    }),
    isIgnored,
    goesOn: values.all,
  });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(`${result.stepCount} steps in ${seconds} s, seed ${values.seed}`);
  for (const [rule, times] of result.ignored) console.log(`passed over ${rule}: ${times}`);
  if (result.undecidedCount > 0) console.log(`too many orders to try: ${result.undecidedCount}`);
  for (const fault of server.faults.slice(0, 3)) console.log(`logged ${JSON.stringify(fault)}`);
  const counts = Map.groupBy(result.failures, ({ problem }) => problem.rule);
  for (const [rule, failures] of counts) {
    await report(failures[0]!);
    const seeds = failures.map(({ seed }) => seed).join(' ');
    console.log(`${rule} failed ${failures.length} times, seeds ${seeds}\n`);
  }
  if (counts.size > 0) process.exitCode = 1;
}

async function report(failure: ModelFailure): Promise<void> {
  const { problem, seed, shape, steps, trace } = failure;
  console.log(`\n${lastLines(trace)}`);
  console.log(`\n${problem.rule}: ${rules[problem.rule]}\n${problem.detail}`);
  console.log(`seed ${seed}, step ${steps.length}, ${JSON.stringify(shape)}`);
  if (values.shrink || values.keep !== undefined) await shrink(failure);
}

function lastLines(trace: readonly string[]): string {
  const count = Number(values.trace);
  return count === 0 ? '' : trace.slice(-count).join('\n');
}

async function shrink({ problem, seed, shape, steps }: ModelFailure): Promise<void> {
  const deadlineMs = performance.now() + shrinkMs;
  const tries = (await countTries(steps)) ?? 0;
  if (tries === 0) {
    console.log('The same steps did not fail again: what was seen needs luck');
    return;
  }
  const stepsFail = async (some: readonly (typeof steps)[number][]) =>
    runsFail(some, tries === 1 ? 1 : 4);
  const few = await shrinkSteps(steps, stepsFail, () => performance.now() > deadlineMs);
  console.log(`\nShrunk from ${steps.length} to ${few.length} steps:\n${describeSteps(few)}`);
  if (values.keep === undefined) return;
  const kept: ModelCase = {
    about: `${problem.rule}, seed ${seed}: ${problem.detail.replace(/^r\d+-/, '')}`,
    rule: problem.rule,
    workers: Number(values.workers),
    tries: tries === 1 ? 1 : 20,
    shape,
    steps: few,
  };
  await writeFile(values.keep, `${JSON.stringify(kept, undefined, 2)}\n`);

  async function runsFail(some: typeof steps, times: number): Promise<boolean> {
    for (let count = 0; count < times; count++) {
      const { failure } = await server.run(shape, some, isIgnored);
      if (failure?.problem.rule === problem.rule) return true;
    }
    return false;
  }

  /** How many runs it takes to see the failure again, up to ten. */
  async function countTries(some: typeof steps): Promise<number | undefined> {
    for (let count = 1; count <= 10; count++) if (await runsFail(some, 1)) return count;
    return undefined;
  }
}

async function replay(path: string): Promise<void> {
  const kept = await readCase(path);
  const failure = await runCase(server, kept, isIgnored);
  if (failure === undefined) {
    console.log(`passed: ${kept.about}`);
    return;
  }
  console.log(lastLines(failure.trace));
  console.log(`\n${failure.problem.rule}: ${failure.problem.detail}`);
  process.exitCode = 1;
}
