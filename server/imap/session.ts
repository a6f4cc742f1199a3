import { randomUUID } from 'node:crypto';
import type { Account, MailStore } from '../../store/mail-store.ts';
import {
  isTurnedOff,
  listCapabilities,
  type Capability,
  type EnabledExtension,
} from '../../protocol/capability.ts';
import { accountKey } from './account-capabilities.ts';
import type { ReaderEvent } from '../../protocol/command-reader.ts';
import type { LoginResult } from '../metrics/metrics-recorder.ts';
import { ConnectionLostError } from '../net/byte-stream.ts';
import { CommandProgress } from './command-progress.ts';
import { MetadataNews } from './metadata-news.ts';
import { ByeError, CommandRefusedError, type Responses } from './responses.ts';
import type { Connection } from './connection.ts';
import type { DecodedPositions } from './decoded-positions.ts';
import type { MailboxView } from './mailbox-view.ts';
import { Notifications } from './notify/notifications.ts';
import type { ServiceContext } from './service-context.ts';

/** The account of a session. */
export type SessionAccount = Pick<Account, 'id' | 'name'>;

/** What a client has reached on its connection: login, the selected mailbox, what it has enabled. */
export class Session {
  readonly context: ServiceContext;
  readonly connection: Connection;
  /** What the client has turned on, by ENABLE or by using it. */
  readonly enabled: Set<EnabledExtension>;
  /** Where the client has come to in parts that it reads in pieces; undefined until it does. */
  decodedPositions: DecodedPositions | undefined;
  #capabilitiesOff: ReadonlySet<Capability>;
  #account: SessionAccount | undefined;
  #selected: MailboxView | undefined;
  #notifications: Notifications | undefined;
  #sessionId: string | undefined;
  #metadataNews: MetadataNews | undefined;
  #endMetadataNews: (() => void) | undefined;
  #failedLoginCount = 0;
  #badCommandCount = 0;
  #progress: CommandProgress | undefined;

  /** @param enabled - empty; the connection reads and writes as it says */
  constructor(
    context: ServiceContext,
    connection: Connection,
    enabled = new Set<EnabledExtension>(),
  ) {
    this.enabled = enabled;
    this.context = context;
    this.#capabilitiesOff = context.capabilitiesOff;
    this.connection = connection;
    this.#beginRevision();
  }

  /** True for a client of IMAP4rev2: it has turned it on, or there is nothing else. @see RFC 9051, section 6.3.1 */
  get isRev2(): boolean {
    return this.enabled.has('IMAP4rev2');
  }

  /** The revision of IMAP with which a client begins. */
  get revision(): 'IMAP4rev1' | 'IMAP4rev2' {
    return this.isOff('IMAP4rev1') ? 'IMAP4rev2' : 'IMAP4rev1';
  }

  #beginRevision(): void {
    if (this.revision === 'IMAP4rev2') this.enabled.add('IMAP4rev2');
  }

  /** True once the client has shown that it knows modseqs (RFC 7162, section 3.1). */
  get hasCondstore(): boolean {
    return this.enabled.has('CONDSTORE');
  }

  /** True once the client has enabled QRESYNC. */
  get hasQresync(): boolean {
    return this.enabled.has('QRESYNC');
  }

  /** True once the client has enabled UIDONLY: there are no message sequence numbers for it. @see RFC 9586 */
  get isUidOnly(): boolean {
    return this.enabled.has('UIDONLY');
  }

  /** True if the client is told of messages that are gone by VANISHED. */
  get hasVanished(): boolean {
    return this.hasQresync || this.isUidOnly;
  }

  /** The client shows that it knows modseqs; the first time it is told that of the selected mailbox (RFC 7162, section 3.1). */
  enableCondstore(): void {
    if (this.hasCondstore) return;
    this.enabled.add('CONDSTORE');
    if (this.#selected === undefined) return;
    this.out.status('*', 'OK', 'Highest', `HIGHESTMODSEQ ${this.#selected.settledModseq}`);
  }

  get out(): Responses {
    return this.connection.out;
  }

  get store(): MailStore {
    return this.context.store;
  }

  get isSecure(): boolean {
    return this.connection.tls !== undefined;
  }

  get account(): SessionAccount | undefined {
    return this.#account;
  }

  /** The account that has logged in. Only for commands that need one. */
  get accountId(): number {
    if (this.#account === undefined) throw new CommandRefusedError('BAD', 'Log in first');
    return this.#account.id;
  }

  /** Names the session in the log, and as the author of what it changes. Only for commands that need a login. */
  get id(): string {
    if (this.#sessionId === undefined) throw new CommandRefusedError('BAD', 'Log in first');
    return this.#sessionId;
  }

  /** What others have changed in the metadata of the account; undefined until the client has asked for it. */
  get metadataNews(): MetadataNews | undefined {
    return this.#metadataNews;
  }

  get selected(): MailboxView | undefined {
    return this.#selected;
  }

  /** The selected mailbox. Only for commands that need one. */
  get view(): MailboxView {
    if (this.#selected === undefined)
      throw new CommandRefusedError('BAD', 'Select a mailbox first');
    return this.#selected;
  }

  /** The selected mailbox, for a command that changes it. */
  get writableView(): MailboxView {
    if (this.view.isReadOnly) throw new CommandRefusedError('NO', 'The mailbox is open read-only');
    return this.view;
  }

  greet(): void {
    const code = `CAPABILITY ${this.formatCapabilities()}` as const;
    this.out.status('*', 'OK', `Reprise ${this.revision} server ready`, code);
  }

  /** The capabilities as a response code lists them. */
  formatCapabilities(): string {
    return this.listCapabilities().join(' ');
  }

  /** True if a capability is turned off, so that nothing may be written that only it allows. */
  isOff(capability: Capability): boolean {
    return isTurnedOff(capability, this.#capabilitiesOff);
  }

  /** Messages that one command may be about; `Infinity` unless the client has been told of a limit. @see RFC 9738, section 3 */
  get messageLimit(): number {
    return this.isOff('MESSAGELIMIT') ? Infinity : this.context.limits.messageLimit;
  }

  /** The same of messages that one command copies or appends. */
  get saveLimit(): number {
    return this.isOff('SAVELIMIT') ? this.messageLimit : this.context.limits.messageLimit;
  }

  listCapabilities(): readonly string[] {
    const stage = this.isSecure ? 'before-login' : 'before-tls';
    const { extraCapabilities } = this.context;
    const list = listCapabilities({
      stage: this.#account === undefined ? stage : 'after-login',
      off: this.#capabilitiesOff,
      messageLimit: this.context.limits.messageLimit,
      hasCertificate: this.connection.tls?.clientCertificate?.isAuthorized === true,
    });
    return extraCapabilities.length === 0 ? list : [...list, ...extraCapabilities];
  }

  /** The client has proved to be the account, for which more capabilities may be turned off than for strangers. */
  logIn(account: Account): void {
    // Not the account itself: what proves a password is of no use any more.
    this.#account = { id: account.id, name: account.name };
    // Of a UUID the last twelve digits are random, and Node makes many at a time.
    this.#sessionId = randomUUID().slice(-12);
    const off = this.context.accountCapabilitiesOff.get(accountKey(account.name));
    this.#capabilitiesOff = off ?? this.#capabilitiesOff;
    this.#beginRevision();
    this.connection.setAuthenticated(this.#capabilitiesOff);
    const { tls } = this.connection;
    if (tls !== undefined) this.context.acceptor.promote(tls, account.name);
    this.context.metrics.recordLogin('accepted');
    const address = this.connection.remoteAddress;
    const { protocol, isResumed: resumed, group } = tls ?? {};
    this.log('info', { account: account.name, address, protocol, resumed, group }, 'logged in');
  }

  /**
   * Goes back to before the login: what the client has selected, turned on, or is told of ends with it, but not what was refused
   * to it. The TLS sessions belong to the one who logs in next.
   *
   * @see RFC 8437, section 4
   */
  logOut(): void {
    this.unselect();
    this.#notifications?.end();
    this.#notifications = undefined;
    this.decodedPositions = undefined;
    this.#leaveMetadata();
    this.log('info', { account: this.#account?.name }, 'logged out');
    this.#account = undefined;
    this.#sessionId = undefined;
    this.enabled.clear();
    this.#capabilitiesOff = this.context.capabilitiesOff;
    this.#beginRevision();
    this.connection.setUnauthenticated(this.#capabilitiesOff);
  }

  /**
   * Counts a login that was refused, or not looked at since too many waited, or referred to another server; the connection ends at
   * the bound.
   */
  countFailedLogin(result: Exclude<LoginResult, 'accepted'> = 'refused'): void {
    this.#failedLoginCount += 1;
    this.context.metrics.recordLogin(result);
    if (this.#failedLoginCount >= this.context.limits.maxFailedLogins) {
      throw new ByeError('Too many failed logins');
    }
  }

  /** Counts a command that cannot be read; the connection ends when there are too many in a row. */
  countBadCommand(): void {
    this.#badCommandCount += 1;
    if (this.#badCommandCount >= this.context.limits.maxBadCommands) {
      throw new ByeError('Too many commands that cannot be read');
    }
  }

  /** Counts a command that can be read. */
  countCommand(): void {
    this.#badCommandCount = 0;
  }

  /** The client waits for a command from now on. */
  beginCommand(tag: string): void {
    this.#progress = new CommandProgress(tag);
  }

  /** It waits no more. */
  endCommand(): void {
    this.#progress = undefined;
  }

  /** The command that the client waits for has come this far. @see CommandProgress.count */
  countProgress(doneCount: number, goal: number): void {
    this.#progress?.count(doneCount, goal);
  }

  /**
   * Tells the client that its command is still at work, if it was so the last time, too; called now and then.
   *
   * @see RFC 9585, section 4
   */
  tellProgress(nowMs: number): void {
    const progress = this.#progress;
    if (progress?.isDue(nowMs) !== true || this.isOff('INPROGRESS')) return;
    if (this.out.hasBegun || this.out.isFull) return;
    this.out.status('*', 'OK', 'Still working', progress.tell(nowMs));
    this.connection.flushSoon();
  }

  select(view: MailboxView): void {
    view.enabled = this.enabled;
    if (this.#notifications !== undefined) view.wanted = this.#notifications.wanted;
    this.#selected = view;
  }

  /** Leaves the selected mailbox, if there is one. */
  unselect(): void {
    const view = this.#selected;
    this.#selected = undefined;
    if (view === undefined) return;
    this.#notifications?.noteUnselected(view);
    view.close();
    this.context.feeds.release(view.feed);
  }

  /**
   * From now on the client is told which metadata others change. `NONEXISTENT` (the account).
   *
   * @param isServerOnly - true: only of the account's own
   * @see RFC 5464, section 4.4.2
   */
  async watchMetadata(isServerOnly: boolean): Promise<void> {
    if (this.#metadataNews !== undefined) return;
    const news = new MetadataNews({
      accountId: this.accountId,
      author: this.id,
      budget: this.context.metadataBudget,
      isServerOnly,
      onOverflow: () =>
        this.connection.shutDown('Too much metadata has changed that was not told', 'LIMIT'),
    });
    this.#metadataNews = news;
    try {
      this.#endMetadataNews = await this.store.watchAccount(this.accountId, news.take);
    } catch (error) {
      this.#metadataNews = undefined;
      throw error;
    }
    // The connection may have ended meanwhile.
    if (this.#metadataNews !== news) this.#endMetadataNews();
  }

  #leaveMetadata(): void {
    this.#metadataNews?.close();
    this.#metadataNews = undefined;
    this.#endMetadataNews?.();
    this.#endMetadataNews = undefined;
  }

  /**
   * Tells the client what has changed in the selected mailbox, and in the metadata of the account; undefined if there is neither.
   *
   * @param options - `expunge`: false while the client may use message sequence numbers
   */
  sync(options: { readonly expunge: boolean }): Promise<void> | undefined {
    if (this.#metadataNews?.hasNews === true) this.#metadataNews.tell(this.out);
    return this.#selected && this.#tell(this.#selected, options);
  }

  async #tell(view: MailboxView, { expunge }: { readonly expunge: boolean }): Promise<void> {
    await view.feed.refresh();
    const { hasCondstore: hasModseq, hasVanished } = this;
    await view.poll(this.out, { expunge, hasModseq, hasVanished });
  }

  /** What the client has asked for by NOTIFY; undefined if it never has. */
  get notifications(): Notifications | undefined {
    return this.#notifications;
  }

  /** The client uses NOTIFY. */
  beginNotifications(): Notifications {
    this.#notifications ??= new Notifications(this);
    return this.#notifications;
  }

  /** Does what the client asks for to mailboxes of these names, without telling it that this has happened. */
  omitOwn<Result>(names: readonly string[], work: () => Promise<Result>): Promise<Result> {
    return this.#notifications === undefined ? work() : this.#notifications.omitOwn(names, work);
  }

  /** The connection is over. */
  end(): void {
    this.#notifications?.end();
    this.unselect();
    this.#leaveMetadata();
    this.log('debug', {}, 'session ended');
  }

  /** Logs a line with the ids of the connection and the session. */
  log(level: 'debug' | 'info' | 'warn' | 'error', fields: object, text: string): void {
    const { logger } = this.context;
    if (!logger.isLevelEnabled(level)) return;
    logger[level](
      { connectionId: this.connection.id, sessionId: this.#sessionId, ...fields },
      text,
    );
  }
}

/** The text of a line that was asked for, one character a byte, without spaces around it. */
export function decodeLine(event: ReaderEvent | undefined): string {
  if (event === undefined) throw new ConnectionLostError();
  if (event.kind !== 'line') throw new Error(`Unexpected ${event.kind} event`);
  return Buffer.from(event.line).toString('latin1').trim();
}
