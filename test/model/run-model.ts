import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SeededRandom } from '../fixtures/seeded-random.ts';
import type { ServerProcess, startServerProcess } from '../fixtures/server-process.ts';
import type { StoreEngine } from '../../server/config/configuration.ts';
import { ModelRound, networkPatienceMs } from './model-round.ts';
import { Observer } from './observer.ts';
import type { RoundSettings } from './round-exchange.ts';
import {
  RandomCommands,
  stayingMailboxes,
  type CommandMix,
  type Operation,
  type Step,
} from './random-commands.ts';
import type { Problem, Rule } from './rules.ts';
import { WireClient, type LineListener } from './wire-client.ts';

const users = ['anna', 'bert'] as const;
const password = 'model-password';

/** Steps on the same mailboxes and connections. A failure needs no more than these to be seen again. */
export const stepsPerRound = 400;

/** Lines of the trace that are kept. */
const maxTraceLines = 600;

/** A round without its mailboxes' names. */
export type RoundShape = Omit<RoundSettings, 'prefix'>;

export interface RoundResult {
  readonly stepCount: number;
  readonly ignored: ReadonlyMap<Rule, number>;
  readonly undecidedCount: number;
  readonly failure: RoundFailure | undefined;
}

export interface RoundFailure {
  readonly problem: Problem;
  /** The steps up to the one that failed. */
  readonly steps: readonly Step[];
  /** The last lines that went and came, with the number of the step and the session. */
  readonly trace: readonly string[];
}

export interface ModelServerOptions {
  /** `REPRISE_WORKERS`; a store in memory is served by one thread, whatever it says. */
  readonly workers: number;
  /** `REPRISE_STORE`; absent: `sqlite`. */
  readonly store?: StoreEngine;
  /** The sources of the server; absent: these. */
  readonly root?: string;
}

/** A real server that rounds are run on. */
export class ModelServer {
  readonly #server: ServerProcess;
  readonly #directory: string;
  #roundCount = 0;
  #trace: string[] = [];
  #stepNumber = 0;

  private constructor(server: ServerProcess, directory: string) {
    this.#server = server;
    this.#directory = directory;
  }

  /**
   * Starts a server with two accounts. Its data lies in memory if the system has room there: what is tested
   * is not the disk.
   */
  static async start({
    workers,
    store = 'sqlite',
    root,
  }: ModelServerOptions): Promise<ModelServer> {
    const directory = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'model-'));
    const start = await findStart(root);
    const environment = {
      REPRISE_WORKERS: `${workers}`,
      REPRISE_LOG_LEVEL: 'info',
      // All are on.
      REPRISE_CAPABILITIES_OFF: '',
      // A server of an older commit does not know the key.
      ...(store !== 'sqlite' && { REPRISE_STORE: store }),
    };
    const server = await start({ dataDirectory: directory, environment });
    for (const user of users) await server.addUser(user, password);
    return new ModelServer(server, directory);
  }

  /** Errors that the server has logged. */
  get faults(): ServerProcess['faults'] {
    return this.#server.faults;
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Runs steps on fresh mailboxes until one fails or there are no more. */
  async run(
    shape: RoundShape,
    steps: Iterable<Step>,
    isIgnored: (rule: Rule) => boolean,
  ): Promise<RoundResult> {
    this.#trace = [];
    this.#stepNumber = 0;
    const connect = (account: number, onLine: LineListener): Promise<WireClient> =>
      WireClient.connect(this.#server.imapsPort, users[account]!, password, onLine);
    const observers = users.map((_, index) => new Observer(() => connect(index, () => {})));
    const round = new ModelRound(
      {
        connect: (account, session) => connect(account, this.#listener(session)),
        observers,
        patienceMs: networkPatienceMs,
      },
      { ...shape, prefix: `r${++this.#roundCount}-` },
      isIgnored,
    );
    try {
      return await this.#runSteps(round, steps);
    } finally {
      if (this.#server.isRunning) await round.end();
      for (const observer of observers) observer.close();
    }
  }

  async #runSteps(round: ModelRound, steps: Iterable<Step>): Promise<RoundResult> {
    await round.begin();
    const done: Step[] = [];
    let failure: RoundFailure | undefined;
    for (const step of steps) {
      done.push(step);
      this.#stepNumber += 1;
      const [problem] = await round.run(step);
      if (problem !== undefined) failure = { problem, steps: done, trace: this.#trace };
      if (failure !== undefined || round.isSpoilt) break;
    }
    const { ignored, undecidedCount } = round;
    return { stepCount: done.length, ignored, undecidedCount, failure };
  }

  #listener(session: number): LineListener {
    return (direction, line) => {
      this.#trace.push(`${this.#stepNumber} S${session} ${direction} ${line}`);
      if (this.#trace.length > 2 * maxTraceLines) this.#trace = this.#trace.slice(-maxTraceLines);
    };
  }
}

/** The fixture beside the sources of the server that is to be started. */
async function findStart(root: string | undefined): Promise<typeof startServerProcess> {
  const directory = root === undefined ? join(import.meta.dirname, '../..') : resolve(root);
  const path = join(directory, 'test/fixtures/server-process.ts');
  const module = (await import(pathToFileURL(path).href)) as {
    startServerProcess: typeof startServerProcess;
  };
  return module.startServerProcess;
}

export interface ModelOptions {
  readonly steps: number;
  readonly seed: number;
  /** Absent: 2 to 5, another number in each round, and 8 in some. */
  readonly sessions?: number;
  /** Only these operations. */
  readonly only?: CommandMix['only'];
  readonly isIgnored: (rule: Rule) => boolean;
  /** A failure ends its round only. */
  readonly goesOn?: boolean;
}

/** A failure with what shows it again. */
export interface ModelFailure extends RoundFailure {
  readonly shape: RoundShape;
  readonly seed: number;
}

export interface ModelResult {
  readonly stepCount: number;
  readonly ignored: ReadonlyMap<Rule, number>;
  readonly undecidedCount: number;
  /** At most one, unless the run goes on after failures. */
  readonly failures: readonly ModelFailure[];
}

/**
 * Runs so many steps, or up to the first failure. The first round has the seed that is given, each other one
 * the next, so that the seed of a failing round with no more steps than a round shows it again.
 */
export async function runModel(server: ModelServer, options: ModelOptions): Promise<ModelResult> {
  const ignored = new Map<Rule, number>();
  const failures: ModelFailure[] = [];
  let stepCount = 0;
  let undecidedCount = 0;
  for (let seed = options.seed; stepCount < options.steps; seed++) {
    const { shape, mix } = planRound(seed, options);
    const count = Math.min(stepsPerRound, options.steps - stepCount);
    const steps = takeSteps(seed, mix, count);
    const result = await server.run(shape, steps, options.isIgnored);
    stepCount += result.stepCount;
    undecidedCount += result.undecidedCount;
    for (const [rule, times] of result.ignored) ignored.set(rule, (ignored.get(rule) ?? 0) + times);
    if (result.failure === undefined) continue;
    failures.push({ ...result.failure, shape, seed });
    if (options.goesOn !== true) break;
  }
  return { stepCount, ignored, undecidedCount, failures };
}

/** A round as its seed decides it. */
export interface RoundPlan {
  readonly shape: RoundShape;
  readonly mix: CommandMix;
}

/** One round in four is crowded: eight sessions on one mailbox, and races of what changes and reads flags. */
const crowdedOperations = 'store store store fetch fetch noop idle'.split(
  ' ',
) as Operation['name'][];
const crowdedCount = 8;

/** What a seed decides, but for what is given. */
export function planRound(
  seed: number,
  { sessions, only }: Pick<ModelOptions, 'sessions' | 'only'> = {},
): RoundPlan {
  const random = new SeededRandom(seed ^ 0x5eed);
  const isCrowded = only === undefined && random.chance(0.25);
  const sessionCount = sessions ?? (isCrowded ? crowdedCount : 2 + random.below(4));
  const condstoreParity = random.below(2);
  const hasSecondAccount =
    sessions === undefined && !isCrowded && sessionCount >= 4 && random.chance(0.5);
  const chosen = isCrowded ? crowdedOperations : only;
  const inbox = stayingMailboxes[random.chance(0.3) ? 0 : 2];
  // Mostly some; that of the second kind is there from four sessions on only.
  const qresyncParity = random.pick([0, 0, 0, 1, undefined]);
  const uidOnlyRemainder = random.pick([0, 1, 2, undefined]);
  return {
    shape: {
      sessionCount,
      condstoreParity,
      ...(qresyncParity !== undefined && { qresyncParity }),
      ...(uidOnlyRemainder !== undefined && { uidOnlyRemainder }),
      hasSecondAccount,
      inbox,
    },
    mix: {
      sessionCount,
      inbox,
      raceEvery: chosen === undefined ? 5 : 2,
      ...(chosen && { only: chosen }),
    },
  };
}

/** So many steps of the round with this seed; the last one compares all. */
export function* takeSteps(seed: number, mix: CommandMix, count: number): Generator<Step> {
  const commands = new RandomCommands(seed, mix);
  for (let index = 1; index < count; index++) yield commands.next();
  yield 'settle';
}
