/** Options that every command has. */
export interface GlobalOptions {
  /** Path of a YAML file. */
  readonly config?: string;
}

/** Options of `serve` and `start`. */
export interface ServeOptions extends GlobalOptions {
  /** False with `--no-backup`. */
  readonly backup: boolean;
}

/** Options of the commands that ask for a password. */
export interface PasswordOptions extends GlobalOptions {
  readonly passwordStdin?: boolean;
}

/** Options of `import`. */
export interface ImportOptions extends GlobalOptions {
  readonly user: string;
  readonly mailbox: string;
}

/** Options of `self-test`. */
export interface SelfTestOptions extends GlobalOptions {
  readonly json?: boolean;
}

/** Options of `sessions stats`. */
export interface SessionStatsOptions extends GlobalOptions {
  readonly json?: boolean;
}

/** Options of `sessions purge`; one of the three is given. */
export interface PurgeOptions extends GlobalOptions {
  readonly account?: string;
  /** SHA-256 in hexadecimal digits. */
  readonly certificate?: string;
  readonly all?: boolean;
}

/** Options of the commands that talk to any server. */
export interface ServerOptions {
  readonly host?: string;
  readonly port?: string;
  readonly tls?: boolean;
  readonly starttls?: boolean;
  /** Path of a PEM file. */
  readonly ca?: string;
  readonly insecure?: boolean;
}

/** Options of `script`. */
export interface ScriptOptions extends ServerOptions {
  /** Path of a PEM file: a client certificate. */
  readonly cert?: string;
  /** Path of a PEM file: its key. */
  readonly key?: string;
  readonly user?: string;
  readonly password?: string;
  readonly passwordStdin?: boolean;
  readonly resume?: boolean;
  readonly rev2?: boolean;
  readonly wipe?: boolean;
  readonly goOn?: boolean;
  /** In seconds. */
  readonly deadline: string;
  readonly json?: boolean;
}

/** Options of `record`. */
export interface RecordOptions extends Omit<ServerOptions, 'host' | 'port' | 'starttls'> {
  /** Port. */
  readonly listen: string;
  /** HOST:PORT */
  readonly to: string;
}
