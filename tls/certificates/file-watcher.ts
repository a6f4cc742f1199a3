import { type FSWatcher, watch } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type CredentialError, type LoadedCredential, loadCredential } from './credentials.ts';
import { DetachedTimer } from '../time.ts';
import { tlsLimits } from '../limits.ts';

/** The two PEM files of a credential. */
export interface CredentialFiles {
  readonly certPath: string;
  readonly keyPath: string;
  /** Default: the path of the certificate. */
  readonly name?: string;
}

/** Which files a {@link CredentialWatcher} watches, and who is told. */
export interface CredentialWatcherOptions {
  /** In the order in which the credentials are told. */
  readonly files: readonly CredentialFiles[];
  /** Called with all credentials when at least one of them is another; it must not throw. */
  readonly onChange: (credentials: readonly LoadedCredential[]) => void;
  /** Called when a new file cannot be used, once for each state of the files; the old credential stays. */
  readonly onError: (error: CredentialError) => void;
  /** How long files must have been left alone before they are read, in milliseconds. Default 500. */
  readonly settleMs?: number;
  /** How often files are looked at where the system tells of no change, in milliseconds. Default 60,000. */
  readonly pollMs?: number;
}

interface Watched {
  readonly files: CredentialFiles;
  credential: LoadedCredential;
  /** What the files looked like when they were last read. */
  state: string;
}

/**
 * Reads credentials from files, and reads them again when they change: in place, by renaming, or by a
 * symbolic link that goes elsewhere. It keeps no process alive.
 */
export class CredentialWatcher {
  readonly #options: CredentialWatcherOptions;
  readonly #settleMs: number;
  readonly #pollMs: number;
  readonly #watched: readonly Watched[];
  readonly #watchers: FSWatcher[] = [];
  readonly #settleTimer = new DetachedTimer(() => void this.#read());
  readonly #pollTimer = new DetachedTimer(() => void this.#read());
  #isReading = false;
  #hasChangedMeanwhile = false;
  #isClosed = false;

  /**
   * Reads the files and watches them.
   *
   * @throws CredentialError where one of them cannot be used
   */
  static async open(options: CredentialWatcherOptions): Promise<CredentialWatcher> {
    const watched = options.files.map(async (files) => {
      // Before the files are read, so that what changes meanwhile is read again.
      const state = await stateOf(files);
      return { files, credential: await load(files), state };
    });
    const watcher = new CredentialWatcher(options, await Promise.all(watched));
    await watcher.#watchDirectories();
    return watcher;
  }

  private constructor(options: CredentialWatcherOptions, watched: readonly Watched[]) {
    this.#options = options;
    this.#settleMs = options.settleMs ?? tlsLimits.credentialSettleMs;
    this.#pollMs = options.pollMs ?? tlsLimits.credentialPollMs;
    this.#watched = watched;
    this.#pollTimer.arm(this.#pollMs);
  }

  /** As they are now, in the order of the files. */
  get credentials(): readonly LoadedCredential[] {
    return this.#watched.map(({ credential }) => credential);
  }

  /** Watches no more; nothing is told after it. */
  close(): void {
    this.#isClosed = true;
    this.#settleTimer.clear();
    this.#pollTimer.clear();
    for (const watcher of this.#watchers) watcher.close();
  }

  async #watchDirectories(): Promise<void> {
    const paths = this.#watched.flatMap(({ files }) => [files.certPath, files.keyPath]);
    const targets = await Promise.all(paths.map((path) => realpath(path).catch(() => path)));
    // Of the directory, since a file that is replaced takes its watch with it.
    for (const directory of new Set([...paths, ...targets].map(dirname))) {
      if (this.#isClosed) return;
      try {
        const watcher = watch(directory, { persistent: false }, () => {
          this.#settleTimer.arm(this.#settleMs);
        });
        // Looking at the files now and then finds the changes too.
        watcher.on('error', () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // The same, where the system has no watches left.
      }
    }
  }

  async #read(): Promise<void> {
    if (this.#isReading) this.#hasChangedMeanwhile = true;
    if (this.#isReading || this.#isClosed) return;
    this.#isReading = true;
    this.#hasChangedMeanwhile = false;
    const changes = await Promise.all(this.#watched.map((watched) => this.#readOne(watched)));
    this.#isReading = false;
    if (this.#isClosed) return;
    if (this.#hasChangedMeanwhile) this.#settleTimer.arm(this.#settleMs);
    this.#pollTimer.arm(this.#pollMs);
    if (changes.includes(true)) this.#options.onChange(this.credentials);
  }

  /** Whether the credential is another one now. */
  async #readOne(watched: Watched): Promise<boolean> {
    const state = await stateOf(watched.files);
    if (state === watched.state) return false;
    try {
      const credential = await load(watched.files);
      const { cert, key } = watched.credential;
      watched.state = state;
      watched.credential = credential;
      return credential.cert !== cert || credential.key !== key;
    } catch (error) {
      watched.state = state;
      if (!this.#isClosed) this.#options.onError(error as CredentialError);
      return false;
    }
  }
}

function load({ certPath, keyPath, name }: CredentialFiles): Promise<LoadedCredential> {
  return loadCredential(certPath, keyPath, name === undefined ? {} : { name });
}

/** Changes when the files do, also where a link goes elsewhere. */
async function stateOf({ certPath, keyPath }: CredentialFiles): Promise<string> {
  const states = await Promise.all(
    [certPath, keyPath].map((path) =>
      stat(path, { bigint: true }).then(
        ({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(),
        (error: NodeJS.ErrnoException) => String(error.code),
      ),
    ),
  );
  return states.join(' ');
}
