import { formatListenAddress, type ListenAddress } from '../config/listen-address.ts';

/** The port for metrics cannot be had; the message says what to do. `cause` is the system's error. */
export class AdminListenError extends Error {
  override readonly name = 'AdminListenError';

  constructor(address: ListenAddress, cause: NodeJS.ErrnoException) {
    // No default host, so that the text has both.
    const place = formatListenAddress(address, '');
    super(
      `Cannot listen on ${place} for metrics: ${reasonOf(cause)}. ` +
        'Set REPRISE_ADMIN_PORT to another port, or to -1 for none',
      { cause },
    );
  }
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'another program does already';
    case 'EACCES':
      return 'the system keeps this port for administrators';
    case 'EADDRNOTAVAIL':
      return 'this machine does not have the address';
    default:
      return message;
  }
}
