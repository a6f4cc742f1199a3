import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';

export type Security = 'plain' | 'tls' | 'starttls';

export interface ImapConnectionOptions {
  readonly port: number;
  readonly security: Security;
  /** The client's own address, one of 127.0.0.0/8; absent: the system's choice. */
  readonly localAddress?: string;
  /** How long to wait for an answer; default 300 s. */
  readonly deadlineMs?: number;
}

export interface Answer {
  readonly status: 'OK' | 'NO' | 'BAD';
  /** The tagged line, behind its status. */
  readonly text: string;
  /** Bytes of the answer, untagged responses included. */
  readonly sizeBytes: number;
}

interface Waiting {
  /** What the line that is waited for begins with, behind a line feed. */
  readonly needle: string;
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

const appendsAtOnce = 50;

/** One for all: a context of its own would cost each client more than the handshake. */
const secureContext = createSecureContext({ minVersion: 'TLSv1.2' });

/**
 * A client that costs as little as it can: it keeps nothing of an answer but its last line, and parses nothing.
 * What a server answers is checked elsewhere.
 */
export class ImapConnection {
  /** Called with everything that arrives, besides what a command waits for. */
  onData: ((chunk: Buffer) => void) | undefined;
  #socket: Socket;
  readonly #deadlineMs: number;
  #waiting: Waiting | undefined;
  #tail = Buffer.from('\n');
  #sizeBytes = 0;
  #tagCount = 0;
  #endedBy: Error | undefined;

  private constructor(socket: Socket, deadlineMs: number) {
    this.#socket = socket;
    this.#deadlineMs = deadlineMs;
    this.#listen(socket);
  }

  /** Connects, makes the handshake that is asked for, and waits for the greeting. */
  static async connect(options: ImapConnectionOptions): Promise<ImapConnection> {
    const { port, security, localAddress, deadlineMs = 300_000 } = options;
    const tcp = connectTcp({
      port,
      host: '127.0.0.1',
      noDelay: true,
      ...(localAddress !== undefined && { localAddress }),
    });
    return ImapConnection.over(tcp, security, deadlineMs);
  }

  /** The same over a TCP socket, connected or about to be, which nobody has read from (it may be paused). */
  static async over(tcp: Socket, security: Security, deadlineMs: number): Promise<ImapConnection> {
    const connection = new ImapConnection(security === 'tls' ? secure(tcp) : tcp, deadlineMs);
    try {
      await connection.#line('* ');
      if (security === 'starttls') await connection.#startTls();
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#endedBy === undefined;
  }

  /** Sends a command and waits for its tagged answer. */
  async command(text: string, literal?: Uint8Array): Promise<Answer> {
    const tag = `x${++this.#tagCount}`;
    const answered = this.#line(`${tag} `);
    this.#sizeBytes = 0;
    if (literal === undefined) {
      this.send(`${tag} ${text}\r\n`);
    } else {
      this.#socket.cork();
      this.send(`${tag} ${text} {${literal.length}+}\r\n`);
      this.#socket.write(literal);
      this.send('\r\n');
      this.#socket.uncork();
    }
    const [, status, rest] = /^\S+ (OK|NO|BAD) ?(.*)$/.exec(await answered) ?? [];
    return { status: status as Answer['status'], text: rest ?? '', sizeBytes: this.#sizeBytes };
  }

  /** {@link command}, which must be answered `OK`. */
  async ok(text: string, literal?: Uint8Array): Promise<Answer> {
    const answer = await this.command(text, literal);
    if (answer.status === 'OK') return answer;
    throw new Error(`${text.slice(0, 60)} was answered ${answer.status} ${answer.text}`);
  }

  /**
   * Sends APPEND after APPEND, some at a time without waiting for each. Only the last answer of each such batch is
   * looked at, so that the caller counts what has arrived.
   *
   * @param isMultiple - all of a batch in one command (RFC 3502), which not every server takes
   */
  async appendAll(
    mailbox: string,
    messages: Iterable<Uint8Array>,
    isMultiple = false,
  ): Promise<void> {
    let batch: Uint8Array[] = [];
    const flush = async (): Promise<void> => {
      if (isMultiple) batch.push(Buffer.from('\r\n'));
      const answered = this.#line(`x${this.#tagCount} `);
      this.#socket.write(Buffer.concat(batch));
      batch = [];
      const line = await answered;
      if (!/^\S+ OK/.test(line)) throw new Error(`APPEND was answered "${line}"`);
    };
    for (const message of messages) {
      const begins = !isMultiple || batch.length === 0;
      const head = begins ? `x${++this.#tagCount} APPEND ${mailbox}` : '';
      batch.push(Buffer.from(`${head} {${message.length}+}\r\n`), message);
      if (!isMultiple) batch.push(Buffer.from('\r\n'));
      if (batch.length >= 3 * appendsAtOnce) await flush();
    }
    if (batch.length > 0) await flush();
  }

  /** Begins to idle; what comes then goes to {@link onData}. */
  async idle(): Promise<void> {
    const begun = this.#line('+ ');
    this.send(`x${++this.#tagCount} IDLE\r\n`);
    await begun;
  }

  /** Reads nothing more from now on. */
  pause(): void {
    this.#socket.pause();
  }

  send(text: string): void {
    this.#socket.write(Buffer.from(text, 'latin1'));
  }

  close(): void {
    this.#end(new Error('The client has left'));
    this.#socket.destroy();
  }

  async #startTls(): Promise<void> {
    await this.ok('STARTTLS');
    this.#socket.removeAllListeners('data');
    this.#socket.removeAllListeners('close');
    this.#socket = secure(this.#socket);
    this.#listen(this.#socket);
    await Promise.race([
      once(this.#socket, 'secureConnect'),
      once(this.#socket, 'close').then(() => Promise.reject(new Error('The server has left'))),
    ]);
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.resume();
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('The server has left')));
  }

  #take(chunk: Buffer): void {
    this.onData?.(chunk);
    this.#sizeBytes += chunk.length;
    const waiting = this.#waiting;
    if (waiting === undefined) {
      // A greeting may be here before it is waited for.
      this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-4096);
      return;
    }
    this.#tail = this.#look(waiting, Buffer.concat([this.#tail, chunk]));
  }

  /** Settles with the line that is waited for if it is there whole; returns what must be kept. */
  #look(waiting: Waiting, bytes: Buffer): Buffer<ArrayBuffer> {
    const start = bytes.indexOf(waiting.needle);
    if (start < 0) return Buffer.from(bytes.subarray(-waiting.needle.length));
    const end = bytes.indexOf('\r\n', start);
    if (end < 0) return Buffer.from(bytes.subarray(start));
    this.#waiting = undefined;
    waiting.resolve(bytes.toString('latin1', start + 1, end));
    return Buffer.from('\n');
  }

  #line(beginning: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#endedBy !== undefined) return reject(this.#endedBy);
      const timer = setTimeout(() => {
        this.#end(new Error(`No answer within ${this.#deadlineMs} ms`));
        this.#socket.destroy();
      }, this.#deadlineMs);
      const waiting: Waiting = {
        needle: `\n${beginning}`,
        resolve: (line) => {
          clearTimeout(timer);
          resolve(line);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#waiting = waiting;
      this.#tail = this.#look(waiting, this.#tail);
    });
  }

  #end(error: Error): void {
    this.#endedBy ??= error;
    this.#waiting?.reject(this.#endedBy);
    this.#waiting = undefined;
  }
}

function secure(socket: Socket): Socket {
  const secured = connectTls({ socket, secureContext, rejectUnauthorized: false });
  // Node does not tell a TLS socket that is about to begin.
  socket.once('close', () => secured.destroy());
  return secured;
}
