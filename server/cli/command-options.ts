/** Options that every command has. */
export interface GlobalOptions {
  /** Path of a YAML file. */
  readonly config?: string;
}

export interface ServeOptions extends GlobalOptions {
  /** False with `--no-backup`. */
  readonly backup: boolean;
}

export interface PasswordOptions extends GlobalOptions {
  readonly passwordStdin?: boolean;
}

export interface ImportOptions extends GlobalOptions {
  readonly user: string;
  readonly mailbox: string;
}

export interface SessionStatsOptions extends GlobalOptions {
  readonly json?: boolean;
}

export interface PurgeOptions extends GlobalOptions {
  readonly account?: string;
  /** SHA-256 in hexadecimal digits. */
  readonly certificate?: string;
  readonly all?: boolean;
}
