import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const socketName = 'control.sock';

/** `sun_path` has 108 bytes on Linux and 104 on macOS, the last of them NUL. */
const maxPathBytes = 103;

/** Where the control socket of a data directory is. */
export function controlSocketPath(dataDirectory: string): string {
  return join(resolve(dataDirectory), socketName);
}

/**
 * Runs an action with a path of the control socket that is short enough for the system. Where its own is
 * too long, the path goes through a symbolic link to the data directory, in a directory that only this
 * user can enter and that is removed afterwards; the socket itself is in the data directory all the same.
 */
export async function withSocketPath<T>(
  dataDirectory: string,
  action: (path: string) => Promise<T>,
): Promise<T> {
  const path = controlSocketPath(dataDirectory);
  if (Buffer.byteLength(path) <= maxPathBytes) return action(path);
  const directory = await mkdtemp(join(tmpdir(), 'reprise-'));
  try {
    await symlink(resolve(dataDirectory), join(directory, 'd'));
    return await action(join(directory, 'd', socketName));
  } finally {
    await rm(directory, { recursive: true });
  }
}
