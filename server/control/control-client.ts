import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Credentials, StoreError, type StoreErrorCode } from '../../store/mail-store.ts';
import type { PurgeOwner } from '../../tls/index.ts';
import type {
  PurgeReport,
  SessionAdministration,
  SessionReport,
} from '../admin/session-administration.ts';
import { ImportSourceError } from '../import/import-source.ts';
import type { ImportMessage, ImportOutcome, ImportTarget } from '../import/import-target.ts';
import type { Administration } from './administration.ts';
import type { ControlRequest, ControlResponse, ControlResults } from './control-protocol.ts';
import { ControlConnectionError, ByteStream } from './byte-stream.ts';
import { withSocketPath } from './socket-path.ts';

/** Administration through the server that has the data directory open. */
export class ControlClient implements Administration, SessionAdministration {
  readonly #stream: ByteStream;

  /** See {@link connectToServer}. */
  constructor(socket: Socket) {
    this.#stream = new ByteStream(socket);
  }

  async addUser(name: string, credentials: Credentials): Promise<void> {
    await this.#request({ method: 'addUser', name, credentials });
  }

  async listUsers(): Promise<readonly string[]> {
    return this.#request({ method: 'listUsers' });
  }

  async changePassword(name: string, credentials: Credentials): Promise<void> {
    await this.#request({ method: 'changePassword', name, credentials });
  }

  async removeUser(name: string): Promise<void> {
    await this.#request({ method: 'removeUser', name });
  }

  async sessionReport(): Promise<SessionReport> {
    return this.#request({ method: 'sessionReport' });
  }

  async purgeSessions(owner: PurgeOwner): Promise<PurgeReport> {
    return this.#request({ method: 'purgeSessions', owner });
  }

  async openImport(userName: string, mailboxName: string): Promise<ImportTarget> {
    const key = await this.#request({ method: 'openImport', userName, mailboxName });
    return {
      key,
      countImported: (sha256s) => this.#request({ method: 'countImported', sha256s: [...sha256s] }),
      addMessages: (messages) => this.#addMessages(messages),
    };
  }

  async subscribe(userName: string, mailboxName: string): Promise<void> {
    await this.#request({ method: 'subscribe', userName, mailboxName });
  }

  async close(): Promise<void> {
    this.#stream.destroy();
  }

  async #addMessages(messages: readonly ImportMessage[]): Promise<readonly ImportOutcome[]> {
    return this.#request(
      {
        method: 'addMessages',
        messages: messages.map(({ sha256, sizeBytes, flags, internalDate, occurrence }) => ({
          sha256,
          sizeBytes,
          flags: [...flags],
          internalDate,
          occurrence,
        })),
      },
      async () => {
        for (const message of messages) await this.#writeBytes(message);
      },
    );
  }

  async #writeBytes(message: ImportMessage): Promise<void> {
    let left = message.sizeBytes;
    for await (const chunk of message.read()) {
      left -= chunk.length;
      if (left < 0) break;
      await this.#stream.write(chunk);
    }
    if (left !== 0) {
      // The server waits for as many bytes as were announced.
      this.#stream.destroy();
      throw new ImportSourceError('A file changed while it was being read, run the import again');
    }
  }

  async #request<M extends ControlRequest['method']>(
    request: Extract<ControlRequest, { method: M }>,
    writeBytes?: () => Promise<void>,
  ): Promise<ControlResults[M]> {
    const response = await this.#exchange(request, writeBytes);
    if ('result' in response) return response.result as ControlResults[M];
    const { code, text } = response.error;
    throw code === undefined
      ? new ControlConnectionError(text)
      : new StoreError(code as StoreErrorCode, text);
  }

  async #exchange(
    request: ControlRequest,
    writeBytes?: () => Promise<void>,
  ): Promise<ControlResponse> {
    const ended = 'The server stopped before it answered, run the command again';
    try {
      await this.#stream.writeJson(request);
      await writeBytes?.();
      const response = (await this.#stream.readJson()) as ControlResponse | undefined;
      if (response !== undefined) return response;
    } catch (cause) {
      if (!(cause instanceof ControlConnectionError)) throw cause;
      throw new ControlConnectionError(ended, { cause });
    }
    throw new ControlConnectionError(ended);
  }
}

/**
 * Connects to the server that has the data directory open; undefined where none answers: there is no
 * socket, or one that a killed server has left.
 */
export async function connectToServer(dataDirectory: string): Promise<ControlClient | undefined> {
  try {
    return await withSocketPath(dataDirectory, async (path) => {
      const socket = connect(path);
      await once(socket, 'connect');
      // What goes wrong later shows where the stream is read or written.
      socket.on('error', () => socket.destroy());
      return new ControlClient(socket);
    });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (['ENOENT', 'ECONNREFUSED', 'ENOTDIR'].includes(code)) return undefined;
    throw error;
  }
}
