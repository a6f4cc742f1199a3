import { chmod, mkdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { SelfSignedCertificate } from '../../../tls/certificates/self-signed.ts';
import { findProgram, makePeerDirectory } from './peer-directory.ts';
import { freePort, type Peer, PeerMissingError, startPeer } from './peer.ts';

export interface DovecotOptions {
  readonly credential: SelfSignedCertificate;
  /** Of every account; whoever logs in has one. */
  readonly password: string;
  /** How it keeps mail; default: a Maildir. */
  readonly mailFormat?: 'maildir' | 'sdbox' | 'mdbox';
  /** `always`: a change is durable when it is answered, as ours are; `optimized`, its default, syncs less. */
  readonly fsync?: 'optimized' | 'always';
  /** Processes that speak TLS until LOGIN and for sessions after it; default 1. */
  readonly loginProcessCount?: number;
}

export interface DovecotPeer extends Peer {
  /** The directory with the mail of all accounts. */
  readonly mailPath: string;
}

/**
 * Dovecot with the login process of its "high-performance mode", which stay: one unless told otherwise, since each has
 * ticket keys of its own and nobody could resume with another. It checks passwords in the clear, from its cache, and keeps its
 * mail in a Maildir unless told otherwise. All that spares it work.
 */
export async function startDovecot(options: DovecotOptions): Promise<DovecotPeer> {
  const {
    credential,
    password,
    mailFormat = 'maildir',
    fsync = 'optimized',
    loginProcessCount = 1,
  } = options;
  const path = findProgram('dovecot', 'dovecot-imapd');
  if (userInfo().uid !== 0) throw new PeerMissingError('Dovecot needs root, for its users');
  const directory = await makePeerDirectory();
  const port = await freePort();
  const at = (name: string) => join(directory.path, name);
  await directory.write('certificate.pem', credential.cert);
  await directory.write('key.pem', credential.key);
  await mkdir(at('run'));
  await mkdir(at('mail'));
  // The mail belongs to another user.
  await chmod(directory.path, 0o711);
  await chmod(at('mail'), 0o777);
  const configuration = await directory.write(
    'dovecot.conf',
    `base_dir = ${at('run')}
state_dir = ${at('run')}
log_path = ${at('log')}
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <${at('certificate.pem')}
ssl_key = <${at('key.pem')}
ssl_min_protocol = TLSv1.2
mail_location = ${mailFormat}:${at('mail')}/%u
mail_fsync = ${fsync}
first_valid_uid = 1
auth_cache_size = 10M
passdb {
  driver = static
  args = password=${password}
}
userdb {
  driver = static
  args = uid=mail gid=mail home=${at('mail')}/%u
}
service imap-login {
  service_count = 0
  process_min_avail = ${loginProcessCount}
  process_limit = ${loginProcessCount}
  client_limit = 4000
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = ${port}
    ssl = yes
  }
}
service imap {
  process_min_avail = 8
  process_limit = 4000
}
service auth {
  client_limit = 10000
}
service anvil {
  client_limit = 10000
}
mail_max_userip_connections = 10000
default_vsz_limit = 1G
`,
  );
  const peer = await startPeer({
    name: `Dovecot, high performance${fsync === 'always' ? ', mail_fsync=always' : ''}`,
    path,
    argv: ['-F', '-c', configuration],
    port,
    onStopped: directory.remove,
  });
  return { ...peer, hasMultiAppend: true, mailPath: at('mail') };
}
