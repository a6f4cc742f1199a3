import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type {
  ReachableCounts,
  ServerSample,
  SoakRequest,
  SoakServerOptions,
  SoakServerPorts,
} from './soak-server.ts';

const collectInThreadsUrl = import.meta.resolve('./collect-in-threads.ts');

/** A server in a process of its own, seen from its parent. */
export class ServerUnderSoak {
  readonly imapPort: number;
  readonly imapsPort: number;
  readonly #child: ChildProcess;
  /** One question at a time: answers carry no number. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(child: ChildProcess, { imapPort, imapsPort }: SoakServerPorts) {
    this.#child = child;
    this.imapPort = imapPort;
    this.imapsPort = imapsPort;
  }

  /**
   * Settles when it listens.
   *
   * @param environment - added to that of this process
   */
  static async start(
    options: SoakServerOptions,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ServerUnderSoak> {
    const child = fork(join(import.meta.dirname, 'soak-server.ts'), [JSON.stringify(options)], {
      execArgv: ['--disable-warning=ExperimentalWarning', '--import', collectInThreadsUrl],
      env: { ...process.env, ...environment },
    });
    return new ServerUnderSoak(child, (await answerOf(child)) as SoakServerPorts);
  }

  sample(): Promise<ServerSample> {
    return this.#ask('sample') as Promise<ServerSample>;
  }

  /** Collects all garbage and counts what is left of connections. */
  count(): Promise<ReachableCounts> {
    return this.#ask('count') as Promise<ReachableCounts>;
  }

  /** Collects all garbage of the threads that serve and of the main one; returns how many these are. */
  collect(): Promise<number> {
    return this.#ask('collect') as Promise<number>;
  }

  /** Moves the server's clock by the lifetime of a session, unless it has workers. */
  async expire(): Promise<void> {
    await this.#ask('expire');
  }

  /** Settles when the process has ended. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.send('stop' satisfies SoakRequest);
    await exited;
  }

  #ask(request: Exclude<SoakRequest, 'stop'>): Promise<unknown> {
    const asked = this.#last.then(() => {
      const answer = answerOf(this.#child);
      // Where it cannot be sent, the process has ended, and that is told already.
      this.#child.send(request, () => {});
      return answer;
    });
    this.#last = asked.catch(() => {});
    return asked;
  }
}

/** The next message of the process; rejects where it ends instead. */
function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (!child.connected) {
      const { exitCode, signalCode } = child;
      reject(new Error(`The server under soak has ended (${exitCode ?? signalCode})`));
      return;
    }
    const take = (message: unknown): void => {
      child.off('exit', fail);
      resolve((message as { answer: unknown }).answer);
    };
    const fail = (code: number | null, signal: string | null): void => {
      child.off('message', take);
      reject(new Error(`The server under soak has ended (${code ?? signal})`));
    };
    child.once('message', take);
    child.once('exit', fail);
  });
}
