import { type FSWatcher, watch } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type CredentialError, type LoadedCredential, loadCredential } from './credentials.ts';
import { DetachedTimer } from '../time.ts';
import { tlsLimits } from '../limits.ts';

/** Which files a {@link FileWatcher} watches, and how soon it finds a change. */
export interface FileWatcherOptions {
  readonly paths: readonly string[];
  /** How long files must have been left alone before a change is told, in milliseconds. Default 500. */
  readonly settleMs?: number;
  /** How often files are looked at if the system tells of no change, in milliseconds. Default 60,000. */
  readonly pollMs?: number;
}

/**
 * Tells when files change: in place, by renaming, or by a symbolic link that goes elsewhere. It keeps no process
 * alive.
 */
export class FileWatcher {
  readonly #paths: readonly string[];
  readonly #settleMs: number;
  readonly #pollMs: number;
  readonly #watchers: FSWatcher[] = [];
  readonly #settleTimer = new DetachedTimer(() => void this.#look());
  readonly #pollTimer = new DetachedTimer(() => void this.#look());
  #onChange: ((changed: ReadonlySet<string>) => Promise<void>) | undefined;
  /** What the files looked like, by path. */
  #states: ReadonlyMap<string, string>;
  #isLooking = false;
  #hasChangedMeanwhile = false;
  #isClosed = false;

  /** Looks at the files. Whoever reads them after that misses no change. */
  static async open(options: FileWatcherOptions): Promise<FileWatcher> {
    return new FileWatcher(options, await statesOf(options.paths));
  }

  private constructor(options: FileWatcherOptions, states: ReadonlyMap<string, string>) {
    this.#paths = options.paths;
    this.#settleMs = options.settleMs ?? tlsLimits.certificateSettleMs;
    this.#pollMs = options.pollMs ?? tlsLimits.certificatePollMs;
    this.#states = states;
  }

  /** Whether it was closed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Begins to watch.
   *
   * @param onChange - called with the paths that have changed since they were looked at last; not again before it has
   *   settled. It must not reject
   */
  async start(onChange: (changed: ReadonlySet<string>) => Promise<void>): Promise<void> {
    this.#onChange = onChange;
    await this.#watchDirectories();
    if (this.#isClosed) return;
    // Something may have changed before the system was asked to tell.
    this.#settleTimer.arm(this.#settleMs);
  }

  /** Watches no more; nothing is told after it. */
  close(): void {
    this.#isClosed = true;
    this.#settleTimer.clear();
    this.#pollTimer.clear();
    for (const watcher of this.#watchers) watcher.close();
  }

  async #watchDirectories(): Promise<void> {
    const targets = await Promise.all(this.#paths.map((path) => realpath(path).catch(() => path)));
    // Of the directory, since a file that is replaced takes its watch with it.
    for (const directory of new Set([...this.#paths, ...targets].map(dirname))) {
      if (this.#isClosed) return;
      try {
        const watcher = watch(directory, { persistent: false }, () => {
          this.#settleTimer.arm(this.#settleMs);
        });
        // Looking at the files now and then finds the changes too.
        watcher.on('error', () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // The same, if the system has no watches left.
      }
    }
  }

  async #look(): Promise<void> {
    if (this.#isLooking) this.#hasChangedMeanwhile = true;
    if (this.#isLooking || this.#isClosed) return;
    this.#isLooking = true;
    this.#hasChangedMeanwhile = false;
    const states = await statesOf(this.#paths);
    const changed = this.#paths.filter((path) => states.get(path) !== this.#states.get(path));
    // Before the files are read, so that what changes meanwhile is read again.
    this.#states = states;
    if (changed.length > 0 && !this.#isClosed) await this.#onChange?.(new Set(changed));
    this.#isLooking = false;
    if (this.#isClosed) return;
    if (this.#hasChangedMeanwhile) this.#settleTimer.arm(this.#settleMs);
    this.#pollTimer.arm(this.#pollMs);
  }
}

async function statesOf(paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  return new Map(
    await Promise.all(paths.map(async (path) => [path, await stateOf(path)] as const)),
  );
}

/** Changes when the file does, also if a link goes elsewhere. */
async function stateOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join();
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

/** The two PEM files of a credential. */
export interface CredentialFiles {
  readonly certPath: string;
  readonly keyPath: string;
  /** Default: the path of the certificate. */
  readonly name?: string;
}

/** Which files a {@link CredentialWatcher} watches, and who is told. */
export interface CredentialWatcherOptions extends Omit<FileWatcherOptions, 'paths'> {
  /** In the order in which the credentials are told. */
  readonly files: readonly CredentialFiles[];
  /** Called with all credentials when at least one of them is another; it must not throw. */
  readonly onChange: (credentials: readonly LoadedCredential[]) => void;
  /** Called when a new file cannot be used, once for each state of the files; the old credential stays. */
  readonly onError: (error: CredentialError) => void;
}

interface Watched {
  readonly files: CredentialFiles;
  credential: LoadedCredential;
}

/** Reads credentials from files, and reads them again when they change. It keeps no process alive. */
export class CredentialWatcher {
  readonly #options: CredentialWatcherOptions;
  readonly #watched: readonly Watched[];
  readonly #files: FileWatcher;

  /**
   * Reads the files and watches them.
   *
   * @throws CredentialError if one of them cannot be used
   */
  static async open(options: CredentialWatcherOptions): Promise<CredentialWatcher> {
    const paths = options.files.flatMap(({ certPath, keyPath }) => [certPath, keyPath]);
    const files = await FileWatcher.open({ ...options, paths });
    const watched = options.files.map(async (files) => ({ files, credential: await load(files) }));
    const watcher = new CredentialWatcher(options, await Promise.all(watched), files);
    await files.start((changed) => watcher.#read(changed));
    return watcher;
  }

  private constructor(
    options: CredentialWatcherOptions,
    watched: readonly Watched[],
    files: FileWatcher,
  ) {
    this.#options = options;
    this.#watched = watched;
    this.#files = files;
  }

  /** As they are now, in the order of the files. */
  get credentials(): readonly LoadedCredential[] {
    return this.#watched.map(({ credential }) => credential);
  }

  /** Watches no more; nothing is told after it. */
  close(): void {
    this.#files.close();
  }

  async #read(changed: ReadonlySet<string>): Promise<void> {
    const touched = this.#watched.filter(
      ({ files }) => changed.has(files.certPath) || changed.has(files.keyPath),
    );
    const changes = await Promise.all(touched.map((watched) => this.#readOne(watched)));
    if (changes.includes(true) && !this.#files.isClosed) this.#options.onChange(this.credentials);
  }

  /** Whether the credential is another one now. */
  async #readOne(watched: Watched): Promise<boolean> {
    try {
      const credential = await load(watched.files);
      const { cert, key } = watched.credential;
      watched.credential = credential;
      return credential.cert !== cert || credential.key !== key;
    } catch (error) {
      if (!this.#files.isClosed) this.#options.onError(error as CredentialError);
      return false;
    }
  }
}

function load({ certPath, keyPath, name }: CredentialFiles): Promise<LoadedCredential> {
  return loadCredential(certPath, keyPath, name === undefined ? {} : { name });
}
