import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';

/** What a load process can be asked to do: each action takes one argument and returns what it found. */
export type LoadActions = Readonly<Record<string, (argument: never) => unknown>>;

export interface LoadProcessOptions {
  /**
   * Gives way to the server and to other loads, so that a crowd that reads much does not take the processor
   * from the client whose answers are timed. Default false.
   */
  readonly givesWay?: boolean;
  /** Options of node itself, as `--cpu-prof`. */
  readonly nodeOptions?: readonly string[];
}

/** Niceness of a process that gives way. */
const lowPriority = 10;
const stopDeadlineMs = 5_000;

interface Request {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** A process of its own for clients, so that the event loop of one load does not delay what another measures. */
export class LoadProcess<Actions extends LoadActions> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #count = 0;

  /** @param path - of a file that calls {@link serveLoad} with the actions */
  constructor(path: string, { givesWay = false, nodeOptions = [] }: LoadProcessOptions = {}) {
    // A warning of Node (many listeners, TLS checks that are off) is no figure.
    this.#child = fork(path, {
      execArgv: ['--no-warnings', ...nodeOptions],
      serialization: 'advanced',
    });
    if (givesWay) setPriority(this.#child.pid!, lowPriority);
    this.#child.on('message', (message) => {
      const answer = message as Answer;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    this.#child.once('exit', (code, signal) => {
      const error = `The load process has ended (${signal ?? code})`;
      for (const [id, settle] of this.#waiting) settle({ id, error });
    });
  }

  /** Runs an action in the process. Rejects if the action does, or if the process ends first. */
  call<Name extends keyof Actions & string>(
    name: Name,
    argument: Parameters<Actions[Name]>[0],
  ): Promise<Awaited<ReturnType<Actions[Name]>>> {
    const request: Request = { id: ++this.#count, name, argument };
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, ({ error, result }) => {
        if (error === undefined) resolve(result as Awaited<ReturnType<Actions[Name]>>);
        else reject(new Error(`${name}: ${error}`));
      });
      this.#child.send(request);
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    const deadline = setTimeout(() => this.#child.kill('SIGKILL'), stopDeadlineMs);
    this.#child.disconnect();
    await exited;
    clearTimeout(deadline);
  }
}

/** The other side: does what the parent asks for, and ends when the parent does. */
export function serveLoad(actions: LoadActions): void {
  process.on('message', (message) => {
    const { id, name, argument } = message as Request;
    const run = async (): Promise<Answer> => {
      try {
        return { id, result: await actions[name]!(argument as never) };
      } catch (error) {
        return { id, error: error instanceof Error ? error.message : String(error) };
      }
    };
    void run().then((answer) => process.send?.(answer));
  });
  process.once('disconnect', () => process.exit());
}
