import { connect, type TLSSocket } from 'node:tls';
import type { ModelClient } from './model-client.ts';
import { parseResponse, type ServerResponse } from './server-responses.ts';

/** Told of each line that goes or comes, for the trace of a failure. */
export type LineListener = (direction: '>' | '<', line: string) => void;

/** How long a server may take to answer before it counts as no answer, in milliseconds. */
const answerDeadlineMs = 15_000;

/** A connection that can pipeline: it sends what it is given and keeps all that comes, in order. */
export class WireClient implements ModelClient {
  readonly #socket: TLSSocket;
  readonly #onLine: LineListener;
  readonly #waiting = new Map<string, () => void>();
  #received: ServerResponse[] = [];
  #rest = '';
  #line = '';
  #literals: string[] = [];
  #missingBytes = 0;
  #tagCount = 0;
  #isClosed = false;
  #onArrival: (() => void) | undefined;

  private constructor(socket: TLSSocket, onLine: LineListener) {
    this.#socket = socket;
    this.#onLine = onLine;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk.toString('latin1')));
    // 'close' follows, and that is what counts.
    socket.on('error', () => {});
    socket.on('close', () => this.#end());
  }

  /** Connects over TLS and logs in. Rejects if the server refuses either. */
  static async connect(
    port: number,
    user: string,
    password: string,
    onLine: LineListener,
  ): Promise<WireClient> {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    const client = new WireClient(socket, onLine);
    const tag = client.send(`LOGIN ${user} ${password}`);
    await client.answered(tag);
    const answer = client.take().find((each) => each.kind === 'tagged');
    if (answer?.kind !== 'tagged' || answer.status !== 'OK') throw new Error('Cannot log in');
    return client;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(command: string): string {
    const [tag] = this.sendAll([command]);
    return tag!;
  }

  sendAll(commands: readonly string[]): string[] {
    const tags = commands.map((command) => (command === 'DONE' ? '' : `m${++this.#tagCount}`));
    const lines = commands.map((command, index) =>
      command === 'DONE' ? command : `${tags[index]} ${command}`,
    );
    for (const line of lines) this.#onLine('>', line.replaceAll('\r\n', '\\r\\n'));
    if (!this.#isClosed) this.#socket.write(lines.map((line) => `${line}\r\n`).join(''), 'latin1');
    return tags;
  }

  answered(...tags: readonly string[]): Promise<void> {
    if (this.#isClosed || this.#received.some((each) => tags.includes(tagOf(each) ?? ''))) {
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(deadline);
        for (const tag of tags) this.#waiting.delete(tag);
        resolve();
      };
      const deadline = setTimeout(() => {
        for (const tag of tags) this.#waiting.delete(tag);
        reject(new NoAnswerError(tags.join(' or ')));
      }, answerDeadlineMs);
      for (const tag of tags) this.#waiting.set(tag, settle);
    });
  }

  arrival(withinMs: number): Promise<void> {
    if (this.#received.length > 0 || this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#onArrival = undefined;
        resolve();
      };
      const timer = setTimeout(settle, withinMs);
      this.#onArrival = settle;
    });
  }

  take(): ServerResponse[] {
    const received = this.#received;
    this.#received = [];
    return received;
  }

  drop(): void {
    this.#socket.destroy();
    this.#end();
  }

  #end(): void {
    this.#isClosed = true;
    for (const settle of this.#waiting.values()) settle();
    this.#waiting.clear();
    this.#onArrival?.();
  }

  #take(text: string): void {
    this.#rest += text;
    for (;;) {
      if (this.#missingBytes > 0 && !this.#takeLiteral()) return;
      const end = this.#rest.indexOf('\r\n');
      if (end < 0) return;
      this.#line += this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + 2);
      const size = /\{(\d+)\}$/.exec(this.#line)?.[1];
      if (size === undefined) this.#deliver();
      else this.#missingBytes = Number(size);
    }
  }

  /** True if the literal has come whole. */
  #takeLiteral(): boolean {
    if (this.#rest.length < this.#missingBytes) return false;
    this.#literals.push(this.#rest.slice(0, this.#missingBytes));
    this.#rest = this.#rest.slice(this.#missingBytes);
    this.#missingBytes = 0;
    return true;
  }

  #deliver(): void {
    this.#onLine('<', this.#line);
    const response = this.#parse();
    this.#line = '';
    this.#literals = [];
    this.#received.push(response);
    const tag = tagOf(response);
    if (tag !== undefined) this.#waiting.get(tag)?.();
    this.#onArrival?.();
  }

  #parse(): ServerResponse {
    try {
      return parseResponse(this.#line, this.#literals);
    } catch {
      return { kind: 'condition', status: 'MALFORMED', code: this.#line };
    }
  }
}

/** A command that was not answered in time. */
export class NoAnswerError extends Error {
  constructor(tag: string) {
    super(`No answer to ${tag} within ${answerDeadlineMs} ms`);
    this.name = 'NoAnswerError';
  }
}

function tagOf(response: ServerResponse): string | undefined {
  if (response.kind === 'continue') return '+';
  return response.kind === 'tagged' ? response.tag : undefined;
}
