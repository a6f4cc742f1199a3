import { relative, resolve } from 'node:path';
import type { Configuration } from '../config/configuration.ts';
import { defaultDataDirectory } from '../config/default-data-directory.ts';
import { ownCredentialPaths } from '../own-credential.ts';
import { demoUserName } from './demo-account.ts';

/** What the description tells. */
export interface DemoDescription {
  readonly configuration: Configuration;
  /** -1 where it is off. */
  readonly imapPort: number;
  /** -1 where it is off. */
  readonly imapsPort: number;
  /** Undefined where the account was not made now. */
  readonly password: string | undefined;
}

/** What `npm start` prints: how to connect, with lines that can be pasted. */
export function describeDemo(demo: DemoDescription): string {
  const { configuration, password } = demo;
  const isForProxiesOnly = demo.imapPort === -1 && demo.imapsPort === -1;
  const lines = [`Reprise listens${isForProxiesOnly ? ' for proxies' : describePorts(demo)}.`];
  if (password === undefined) {
    lines.push(`There are accounts already: ${commandFor(configuration)} user list`);
    return `${lines.join('\n')}\n`;
  }
  const { certPath } = ownCredentialPaths(configuration.dataDirectory);
  const caPath = configuration.certificates.length === 0 ? shorter(certPath) : undefined;
  lines.push(
    '',
    'A demo account was made, with a few messages. Its password is shown only now:',
    '',
    `  user      ${demoUserName}`,
    `  password  ${password}`,
    '',
    ...(isForProxiesOnly ? [] : [...describeConnecting(demo, password, caPath), '']),
    `To add an account:  ${commandFor(configuration)} user add alice`,
  );
  return `${lines.join('\n')}\n`;
}

/** The command line of Reprise for this data directory, in a shell that knows nothing of it. */
function commandFor({ dataDirectory }: Configuration): string {
  const isDefault = resolve(dataDirectory) === resolve(defaultDataDirectory);
  const variable = isDefault ? '' : `REPRISE_DATA=${quoted(shorter(dataDirectory))} `;
  return `${variable}npm run -s reprise --`;
}

function describePorts({ imapPort, imapsPort }: DemoDescription): string {
  const ports = [
    imapPort === -1 ? undefined : ` on port ${imapPort} (STARTTLS)`,
    imapsPort === -1 ? undefined : ` on port ${imapsPort} (TLS)`,
  ];
  return ports.filter(Boolean).join(' and');
}

function describeConnecting(
  { configuration, imapPort, imapsPort }: DemoDescription,
  password: string,
  caPath: string | undefined,
): string[] {
  const isTls = imapsPort !== -1;
  const port = isTls ? imapsPort : imapPort;
  const host = reachableHost(configuration.host);
  const curl = [
    'curl',
    ...(caPath === undefined ? [] : ['--cacert', quoted(caPath)]),
    ...(isTls ? [] : ['--ssl-reqd']),
    `-u ${demoUserName}:${password}`,
    `'${isTls ? 'imaps' : 'imap'}://${host}:${port}/INBOX;MAILINDEX=1'`,
  ];
  const openssl = [
    `openssl s_client -quiet -crlf -connect ${host}:${port}`,
    ...(isTls ? [] : ['-starttls imap']),
    ...(caPath === undefined ? [] : ['-CAfile', quoted(caPath)]),
  ];
  return [
    'Read the first message with curl:',
    '',
    `  ${curl.join(' ')}`,
    '',
    `Speak IMAP yourself (a LOGIN ${demoUserName} ${password}, b SELECT INBOX, c LOGOUT):`,
    '',
    `  ${openssl.join(' ')}`,
    '',
    'Or in a mail client: an IMAP account with',
    '',
    `  server    ${host}, port ${port}, ${isTls ? 'SSL/TLS' : 'STARTTLS'}, normal password`,
    ...(caPath === undefined
      ? []
      : [`  trust     the certificate is self-signed: accept it, or import ${caPath}`]),
  ];
}

/** The name by which a client on this machine reaches the server. */
function reachableHost(host: string | undefined): string {
  const isLocal = host === undefined || ['0.0.0.0', '::', '127.0.0.1', '::1'].includes(host);
  if (isLocal) return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

/** Relative where the path is below the working directory. */
function shorter(path: string): string {
  const relativePath = relative('', path);
  return relativePath.startsWith('..') ? resolve(path) : relativePath;
}

/** For a shell, where it needs quotes. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
