import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { PeerMissingError } from './peer.ts';

/** A temporary directory of a peer. */
export interface PeerDirectory {
  readonly path: string;
  /** Writes a file; its path. */
  write(name: string, text: string): Promise<string>;
  remove(): Promise<void>;
}

export async function makePeerDirectory(): Promise<PeerDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'reprise-peer-'));
  // The processes of some peers change their user.
  await chmod(path, 0o755);
  return {
    path,
    write: async (name, text) => {
      await writeFile(join(path, name), text);
      return join(path, name);
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
}

/** The path of a program of a Debian package. Throws a {@link PeerMissingError} where it is not installed. */
export function findProgram(name: string, packages: string): string {
  // Where daemons are is not on everybody's PATH.
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const path = directories.map((directory) => join(directory, name)).find(isExecutable);
  if (path === undefined) {
    throw new PeerMissingError(`${name} is not installed (apt-get install ${packages})`);
  }
  return path;
}

/** What a program prints, on both streams. */
export async function printed(path: string, ...argv: readonly string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(path, argv);
  return stdout + stderr;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
