import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import { StoreError } from '../../store/mail-store.ts';
import type { SessionAdministration } from '../admin/session-administration.ts';
import type { ImportMessage, ImportTarget } from '../import/import-target.ts';
import type { Administration } from './administration.ts';
import type { ControlRequest, ControlResponse } from './control-protocol.ts';
import { ControlConnectionError, ByteStream } from './byte-stream.ts';
import { controlSocketPath, withSocketPath } from './socket-path.ts';

/** Where a {@link ControlServer} listens, and who answers. */
export interface ControlServerOptions {
  readonly dataDirectory: string;
  readonly administration: Administration;
  readonly sessions: SessionAdministration;
  readonly logger: Logger;
}

/** Serves the command line while a server has the data directory open, through a socket in it. */
export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: ControlServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => void this.#serve(socket));
  }

  /** The caller holds the lock of the data directory, so a socket that is there is left from a crash. */
  async listen(): Promise<void> {
    const ownPath = controlSocketPath(this.#options.dataDirectory);
    await rm(ownPath, { force: true });
    await withSocketPath(this.#options.dataDirectory, async (path) => {
      this.#server.listen(path);
      await once(this.#server, 'listening');
    });
    await chmod(ownPath, 0o600);
  }

  /** Stops; requests that run are cut off, and their import can be run again. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    // On a disk that cannot be written it stays, as after a crash.
    await rm(controlSocketPath(this.#options.dataDirectory), { force: true }).catch(
      () => undefined,
    );
  }

  async #serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    const stream = new ByteStream(socket);
    const session = new ControlSession(this.#options, stream);
    try {
      for (;;) {
        const line = await stream.readJson();
        if (line === undefined) break;
        await stream.writeJson(await this.#answer(session, line));
      }
    } catch (error) {
      // A command that was interrupted is no fault of the server.
      const { logger } = this.#options;
      logger.debug({ err: error }, 'control connection ended early');
    } finally {
      socket.destroy();
      this.#sockets.delete(socket);
    }
  }

  async #answer(session: ControlSession, line: unknown): Promise<ControlResponse> {
    // Loaded for the first command: a server that nobody administers does without.
    const { controlRequestSchema } = await import('./control-protocol.ts');
    const request = controlRequestSchema.safeParse(line);
    if (!request.success) {
      // Bytes may follow that would be taken for lines.
      throw new ControlConnectionError('A line is no request');
    }
    try {
      const result = await session.handle(request.data);
      this.#options.logger.debug({ method: request.data.method }, 'control request');
      return { result };
    } catch (error) {
      if (error instanceof ControlConnectionError) throw error;
      if (error instanceof StoreError) return { error: { code: error.code, text: error.message } };
      this.#options.logger.error({ err: error, method: request.data.method }, 'control failed');
      return { error: { text: 'The server failed, see its log' } };
    }
  }
}

/** One connection of the command line. */
class ControlSession {
  readonly #administration: Administration;
  readonly #sessions: SessionAdministration;
  readonly #stream: ByteStream;
  #target: ImportTarget | undefined;

  constructor({ administration, sessions }: ControlServerOptions, stream: ByteStream) {
    this.#administration = administration;
    this.#sessions = sessions;
    this.#stream = stream;
  }

  async handle(request: ControlRequest): Promise<unknown> {
    switch (request.method) {
      case 'listUsers':
        return this.#administration.listUsers();
      case 'addUser':
        await this.#administration.addUser(request.name, request.credentials);
        return null;
      case 'changePassword':
        await this.#administration.changePassword(request.name, request.credentials);
        return null;
      case 'removeUser':
        await this.#administration.removeUser(request.name);
        return null;
      case 'sessionReport':
        return this.#sessions.sessionReport();
      case 'purgeSessions':
        return this.#sessions.purgeSessions(request.owner);
      case 'openImport':
        this.#target = await this.#administration.openImport(request.userName, request.mailboxName);
        return this.#target.key;
      case 'subscribe':
        await this.#administration.subscribe(request.userName, request.mailboxName);
        return null;
      case 'countImported':
        return this.#openTarget().countImported(request.sha256s);
    }
    return this.#addMessages(request.messages);
  }

  async #addMessages(announced: readonly Omit<ImportMessage, 'read'>[]): Promise<unknown> {
    const target = this.#openTarget();
    const stream = this.#stream;
    let end = stream.position;
    const messages = announced.map((message): ImportMessage => {
      const start = end;
      end += message.sizeBytes;
      return {
        ...message,
        async *read() {
          // What the store did not read of the one before is still in the way.
          await stream.skipTo(start);
          yield* stream.readBytes(message.sizeBytes);
        },
      };
    });
    try {
      return await target.addMessages(messages);
    } finally {
      await stream.skipTo(end);
    }
  }

  #openTarget(): ImportTarget {
    if (this.#target === undefined) throw new ControlConnectionError('No import is open');
    return this.#target;
  }
}
