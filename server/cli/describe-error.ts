import { AdminListenError } from '../admin/admin-listen-error.ts';
import { UnusablePasswordError } from '../authentication/make-credentials.ts';
import { ConfigurationError } from '../config/configuration-error.ts';
import { ControlConnectionError } from '../control/byte-stream.ts';
import { ImportSourceError } from '../import/import-source.ts';
import { DataDirectoryInUseError } from '../../store/data-directory-lock.ts';
import {
  StoreMissingError,
  StoreOpenError,
  StoreSpaceError,
  StoreVersionError,
} from '../../store/opened-store.ts';
import { CredentialError, PurgeError, SessionCacheModuleError } from '../../tls/index.ts';
import { StoreError } from '../../store/mail-store.ts';
import { TranscriptRunError, TranscriptSyntaxError } from '../transcripts/transcript-error.ts';
import { UsageError } from './usage-error.ts';

/** The message of these says all that an operator needs. */
const clearErrors = [
  AdminListenError,
  ConfigurationError,
  ControlConnectionError,
  CredentialError,
  ImportSourceError,
  PurgeError,
  SessionCacheModuleError,
  StoreError,
  StoreOpenError,
  TranscriptRunError,
  TranscriptSyntaxError,
  UnusablePasswordError,
  UsageError,
];

/** What to tell the operator about an error that ended a command: one line, or one for each problem. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `reprise: ${String(error)}`;
  const system = error as NodeJS.ErrnoException & { port?: number; address?: string };
  if (system.syscall === 'listen' || system.syscall === 'bind') return describeListenError(system);
  if (error instanceof DataDirectoryInUseError) {
    return `reprise: ${error.message}. Stop that one, or choose another directory with REPRISE_DATA`;
  }
  if (error instanceof StoreVersionError) {
    return `reprise: ${error.message}. Run the version that wrote it, or a newer one`;
  }
  if (error instanceof StoreMissingError) {
    const { message, markerPath } = error;
    return `reprise: ${message}. Bring it back from a backup, or delete "${markerPath}" to begin with an empty one`;
  }
  if (error instanceof StoreSpaceError) {
    const withoutBackup = error.isForBackup ? ', or start with --no-backup' : '';
    return `reprise: ${error.message}. Make space${withoutBackup}`;
  }
  const isClear = clearErrors.some((type) => error instanceof type);
  if (isClear || system.code !== undefined) {
    return error.message
      .split('\n')
      .map((line) => `reprise: ${line}`)
      .join('\n');
  }
  // Nobody has thought of this one: its stack is what helps to find it.
  return `reprise: ${error.stack ?? error.message}`;
}

function describeListenError(
  error: NodeJS.ErrnoException & { port?: number; address?: string },
): string {
  const place = `port ${error.port}`;
  if (error.code === 'EACCES') {
    return (
      `reprise: Cannot listen on ${place}: the system keeps ports below 1024 for administrators. ` +
      `Run: REPRISE_IMAP_PORT=1143 REPRISE_IMAPS_PORT=1993 ${startCommand()}`
    );
  }
  if (error.code === 'EADDRINUSE') {
    return (
      `reprise: Cannot listen on ${place}: another program does already. ` +
      'Stop it, or choose other ports with REPRISE_IMAP_PORT and REPRISE_IMAPS_PORT'
    );
  }
  if (error.code === 'EADDRNOTAVAIL') {
    return `reprise: Cannot listen on address "${error.address}": this machine does not have it. Set REPRISE_HOST to one that it has`;
  }
  return `reprise: Cannot listen on ${place}: ${error.message}`;
}

/** As this process was started, so that the line can be pasted. */
function startCommand(): string {
  const script = process.env['npm_lifecycle_event'];
  if (script === 'start') return 'npm start';
  return script === 'reprise' ? 'npm run -s reprise -- serve' : 'reprise serve';
}
