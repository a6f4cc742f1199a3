import { constants } from 'node:os';

/** True for an error of the system that says that there is no space: on the disk, or in the quota of the user. */
export function isSpaceError(error: unknown): boolean {
  const { code, errno } = error as NodeJS.ErrnoException;
  // Node has no name for a quota that is used up.
  return code === 'ENOSPC' || errno === -constants.errno.EDQUOT;
}
