/** Options that every command has. */
export interface GlobalOptions {
  /** Path of a YAML file. */
  readonly config?: string;
}

export interface PasswordOptions extends GlobalOptions {
  readonly passwordStdin?: boolean;
}

export interface ImportOptions extends GlobalOptions {
  readonly user: string;
  readonly mailbox: string;
}
