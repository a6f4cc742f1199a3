import { SeededRandom } from '../fixtures/seeded-random.ts';
import type { LoadMix } from './load-mix.ts';
import { type TlsVersion, visit, type VisitPlan, type VisitResult } from './visit.ts';

export interface LoadOptions {
  readonly imapPort: number;
  readonly imapsPort: number;
  readonly accounts: readonly { readonly name: string; readonly password: string }[];
  readonly mix: LoadMix;
  /** How long the server keeps a session. */
  readonly lifetimeMs: number;
  /** Connections at one time. */
  readonly concurrency: number;
  /** The same seed makes the same choices. */
  readonly seed: number;
}

/** What the clients have seen. */
export interface LoadCounts {
  connections: number;
  full: number;
  /** Came with a live session. */
  returned: number;
  /** Of these, resumed. */
  resumed: number;
  /** Came with a session that had expired. */
  returnedTooLate: number;
  /** Of these, resumed: there must be none. */
  resumedTooLate: number;
  abandoned: number;
  failed: number;
}

/** Clients that wait to come back, for each that is connected; more are forgotten. */
const waitingPerConnection = 2;
/** Of those whose sessions expire, how many come back nevertheless. */
const lateCount = 20;

interface Returning {
  readonly version: TlsVersion;
  readonly session: Buffer;
  readonly givenAtMs: number;
}

/** Many short connections of a mix of clients. */
export class Load {
  readonly counts: LoadCounts = {
    connections: 0,
    full: 0,
    returned: 0,
    resumed: 0,
    returnedTooLate: 0,
    resumedTooLate: 0,
    abandoned: 0,
    failed: 0,
  };
  /** Of the last client that failed. */
  lastError: string | undefined;
  /** Clients that are connected. */
  openCount = 0;
  readonly #options: LoadOptions;
  readonly #random: SeededRandom;
  #waiting: Returning[] = [];
  #late: Returning[] = [];
  #addressNumber = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
  }

  /** Makes so many connections; settles when all of them are closed. */
  async run(count: number): Promise<void> {
    let begun = 0;
    const client = async (): Promise<void> => {
      while (begun < count) {
        begun++;
        await this.#connect();
      }
    };
    await Promise.all(Array.from({ length: this.#options.concurrency }, client));
  }

  /** The sessions of all clients have expired. A few of them may try theirs nevertheless. */
  expireAll({ someComeBack }: { readonly someComeBack: boolean }): void {
    this.#late = someComeBack ? this.#waiting.slice(-lateCount) : [];
    this.#waiting = [];
  }

  async #connect(): Promise<void> {
    const late = this.#late.pop();
    const returning = late ?? this.#pickReturning();
    const plan = this.#plan(returning);
    this.counts.connections++;
    this.openCount++;
    try {
      const result = await visit(plan);
      if (plan.end === 'abandon') this.counts.abandoned++;
      else this.#take(result, plan, returning, late !== undefined);
    } catch (error) {
      this.counts.failed++;
      this.lastError = error instanceof Error ? error.message : 'an unknown error';
    } finally {
      this.openCount--;
    }
  }

  #take(
    { isResumed, session }: VisitResult,
    { version }: VisitPlan,
    returning: Returning | undefined,
    isLate: boolean,
  ): void {
    const { counts } = this;
    if (!isResumed) counts.full++;
    if (returning !== undefined) counts[isLate ? 'returnedTooLate' : 'returned']++;
    if (isResumed) counts[isLate ? 'resumedTooLate' : 'resumed']++;
    if (session === undefined || this.#isChosen('lost')) return;
    // After a resumption in TLS 1.2 it is the one from before, and as old.
    const isOld = session === returning?.session;
    const givenAtMs = isOld ? returning.givenAtMs : performance.now();
    this.#waiting.push({ version, session, givenAtMs });
    if (this.#waiting.length > this.#options.concurrency * waitingPerConnection) {
      this.#waiting.shift();
    }
  }

  #pickReturning(): Returning | undefined {
    if (!this.#isChosen('returning')) return undefined;
    // Those whose sessions may expire on a busy machine before they are there stay away.
    const earliestMs = performance.now() - this.#options.lifetimeMs / 4;
    for (;;) {
      const client = this.#waiting.shift();
      if (client === undefined || client.givenAtMs >= earliestMs) return client;
    }
  }

  #plan(returning: Returning | undefined): VisitPlan {
    const { imapPort, imapsPort, accounts } = this.#options;
    const isStartTls = this.#isChosen('starttls');
    const isReset = this.#isChosen('reset');
    // Those who come back are to be seen coming back.
    const isAbandoned = this.#isChosen('abandoned') && returning === undefined;
    return {
      port: isStartTls ? imapPort : imapsPort,
      isStartTls,
      version: returning?.version ?? (this.#isChosen('tls12') ? 'TLSv1.2' : 'TLSv1.3'),
      session: returning?.session,
      localAddress: this.#nextAddress(),
      login: this.#isChosen('login') ? this.#random.pick(accounts) : undefined,
      end: isAbandoned ? 'abandon' : isReset ? 'reset' : 'close',
    };
  }

  // Few connections share an address, and none comes twice: what a server keeps for each would be seen.
  #nextAddress(): string | undefined {
    if (process.platform !== 'linux') return undefined;
    const number = Math.floor(this.#addressNumber++ / 8) + 256;
    return `127.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
  }

  #isChosen(name: keyof LoadMix): boolean {
    return this.#random.chance(this.#options.mix[name] / 100);
  }
}
