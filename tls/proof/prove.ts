import type { Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { TlsAcceptor } from '../acceptor.ts';
import type { Credential } from '../certificates/credentials.ts';
import { type ClientHello, tls13 } from '../hello/client-hello.ts';
import { HelloReader } from '../hello/hello-reader.ts';
import type { Resumption, ResumptionMode } from '../hello/route.ts';
import { proofLimits } from '../limits.ts';
import type { TlsPolicy } from '../policy.ts';
import { SegmentSessionCache } from '../sessions/memory/segment-cache.ts';
import { hasTicketHook } from '../tickets/ticket-hook.ts';
import { RandomTicketKeys } from '../tickets/ticket-keys.ts';
import type { TicketKeyMode } from '../tickets/ticket-routes.ts';
import { makeThrowAwayCredential } from './throw-away-credential.ts';
import { type ProofKind, proofKinds, type ProofResult, type ResumptionProof } from './verdict.ts';

/** The server that resumption is proved for. */
export interface ProveResumptionOptions {
  readonly kind: Resumption['kind'];
  readonly policy: TlsPolicy;
  /** Only this way is tried; with `per_key` the hook is not touched. Absent: `native`, if Node has the hook and it works. */
  readonly ticketKeyMode?: TicketKeyMode;
  /** Absent: clients are not asked for certificates. */
  readonly clientCertificates?: { readonly isRequired: boolean };
}

/**
 * Finds out whether clients of such a server resume, with this Node and OpenSSL: for each kind a client inside this
 * process makes a full handshake and comes back, over a pair of streams, with acceptors that have a credential, ticket
 * keys, an authority, a cache and counts of their own. Tickets that would only stand in for the cache are tried if it
 * does not work. Nothing is left of it but the verdict. It takes about as much CPU as a dozen handshakes, and never
 * rejects for what it finds.
 */
export async function proveResumption(options: ProveResumptionOptions): Promise<ResumptionProof> {
  if (options.ticketKeyMode !== undefined) return proveWith(options.ticketKeyMode, options);
  if (!hasTicketHook()) return proveWith('per_key', options);
  const native = await proveWith('native', options);
  const isBroken = native.areTicketsRenewed === false || countTicketKinds(native, 'fails') > 0;
  if (!isBroken && countTicketKinds(native, 'untried') === 0) return native;
  const perKey = await proveWith('per_key', options);
  // With a hook that lets every handshake fail nothing can be tried: then it counts what works without it.
  return isBroken || countTicketKinds(perKey, 'resumes') > countTicketKinds(native, 'resumes')
    ? perKey
    : native;
}

/** How many of the kinds that need tickets have this result. */
function countTicketKinds({ results }: ResumptionProof, result: ProofResult): number {
  return proofKinds.filter((kind) => !isOfCache(kind) && results[kind] === result).length;
}

async function proveWith(
  ticketKeyMode: TicketKeyMode,
  options: ProveResumptionOptions,
): Promise<ResumptionProof> {
  const twins = new Twins(ticketKeyMode, options);
  const attempts = new Map<ProofKind, Attempt>();
  const tryAll = async (kinds: readonly ProofKind[]): Promise<void> => {
    await Promise.all(kinds.map(async (kind) => attempts.set(kind, await tryKind(kind, twins))));
  };
  try {
    const kinds = proofKinds.filter((kind) => isAllowed(kind, options));
    const isSubstitute = (kind: ProofKind): boolean =>
      options.kind === 'stateful' && kind in replacedBy;
    await tryAll(kinds.filter((kind) => !isSubstitute(kind)));
    const isMissed = (kind: ProofKind): boolean =>
      replacedBy[kind]?.some((other) => attempts.get(other)?.result !== 'resumes') ?? false;
    await tryAll(kinds.filter((kind) => isSubstitute(kind) && isMissed(kind)));
    return { ...resultsOf(attempts), ticketKeyMode };
  } finally {
    await twins.close();
  }
}

/** The kinds that a ticket stands in for where there is a cache: no client is given one while they all resume. */
const replacedBy: Readonly<Partial<Record<ProofKind, readonly ProofKind[]>>> = {
  'tls12-ticket': ['tls12-stateful'],
  'tls13-ticket': ['tls13-stateful', 'tls13-hybrid'],
};

function isAllowed(kind: ProofKind, options: ProveResumptionOptions): boolean {
  if (options.kind === 'off') return false;
  if (options.policy === 'modern' && !isTls13(kind)) return false;
  // Without a cache there is nothing but tickets; with client certificates there are none.
  if (isOfCache(kind)) return options.kind === 'stateful';
  if (options.clientCertificates !== undefined) return false;
  return kind !== 'tls13-hybrid' || options.kind === 'stateful';
}

function isTls13(kind: ProofKind): boolean {
  return kind.startsWith('tls13-');
}

function isOfCache(kind: ProofKind): boolean {
  return kind.endsWith('-stateful');
}

/** What stands in for the acceptors of a server and for its clients, each made when first needed. */
class Twins {
  readonly #ticketKeyMode: TicketKeyMode;
  readonly #options: ProveResumptionOptions;
  readonly #cache = new SegmentSessionCache({
    maxBytes: proofLimits.cacheBytes,
    lifetimeMs: proofLimits.lifetimeMs,
  });
  readonly #ticketKeys = new RandomTicketKeys({ lifetimeMs: proofLimits.lifetimeMs });
  readonly #acceptors = new Map<Resumption['kind'], TlsAcceptor>();
  readonly #clients = new Map<string, SecureContext>();
  #madeCredential: Credential | undefined;

  constructor(ticketKeyMode: TicketKeyMode, options: ProveResumptionOptions) {
    this.#ticketKeyMode = ticketKeyMode;
    this.#options = options;
  }

  /** The acceptor that a kind is tried with. */
  acceptor(kind: ProofKind): TlsAcceptor {
    const ticketKeys = this.#ticketKeys;
    return kind.endsWith('-ticket')
      ? this.#open({ kind: 'tickets', ticketKeys })
      : this.#open({ kind: 'stateful', cache: this.#cache, ticketKeys });
  }

  /**
   * What the client of a kind speaks.
   *
   * @throws what TLS throws for a group or a version that this machine does not have
   */
  client(kind: ProofKind): SecureContext {
    const version = isTls13(kind) ? 'TLSv1.3' : 'TLSv1.2';
    // With a key share for a group that we do not have, it needs a HelloRetryRequest.
    const groups = kind === 'tls13-hybrid' ? 'X448:P-256' : 'P-256';
    const name = `${version} ${groups}`;
    let context = this.#clients.get(name);
    if (context === undefined) {
      const { cert, key } = this.#credential;
      context = createSecureContext({
        minVersion: version,
        maxVersion: version,
        ecdhCurve: groups,
        // It trusts nobody. Without an authority Node would read all that it trusts.
        ca: [],
        ...(this.#options.clientCertificates !== undefined && { cert, key }),
      });
      this.#clients.set(name, context);
    }
    return context;
  }

  async close(): Promise<void> {
    for (const acceptor of this.#acceptors.values()) await acceptor.close();
    this.#ticketKeys.close();
    await this.#cache.close();
  }

  get #credential(): Credential {
    this.#madeCredential ??= makeThrowAwayCredential();
    return this.#madeCredential;
  }

  #open(resumption: Resumption): TlsAcceptor {
    let acceptor = this.#acceptors.get(resumption.kind);
    if (acceptor === undefined) {
      const { policy, clientCertificates } = this.#options;
      acceptor = new TlsAcceptor({
        credentials: [this.#credential],
        resumption,
        lifetimeMs: proofLimits.lifetimeMs,
        ticketKeyMode: this.#ticketKeyMode,
        policy,
        ...(clientCertificates !== undefined && {
          clientCertificates: { ca: this.#credential.cert, ...clientCertificates },
        }),
      });
      this.#acceptors.set(resumption.kind, acceptor);
    }
    return acceptor;
  }
}

/** What became of one kind. */
interface Attempt {
  readonly result: ProofResult;
  readonly reason?: string;
  /** Whether the full handshake was made. */
  readonly isFullDone: boolean;
  readonly isRenewed?: boolean;
}

async function tryKind(kind: ProofKind, twins: Twins): Promise<Attempt> {
  let isFullDone = false;
  const untried = (reason: string): Attempt => ({ result: 'untried', reason, isFullDone });
  let context: SecureContext;
  try {
    context = twins.client(kind);
  } catch (error) {
    return untried(`no client here can speak it (${(error as Error).message})`);
  }
  try {
    const acceptor = twins.acceptor(kind);
    const first = await shakeHands(acceptor, context);
    isFullDone = true;
    if (kind === 'tls13-hybrid' && first.mode === 'stateful') {
      return untried('the cache serves the client');
    }
    const session = first.sessions.at(-1);
    if (session === undefined)
      return { result: 'fails', reason: 'no session is given', isFullDone };
    const second = await shakeHands(acceptor, context, session);
    if (second.isResumed)
      return { result: 'resumes', isFullDone, isRenewed: second.sessions.length > 0 };
    return isSessionOffered(second.hello)
      ? { result: 'fails', reason: 'the handshake is a full one', isFullDone }
      : untried('the client offers no session');
  } catch (error) {
    return { result: 'fails', reason: (error as Error).message, isFullDone };
  }
}

/** Whether the client of a proof wants to resume: without a session it sends none of these. */
function isSessionOffered(hello: ClientHello | undefined): boolean {
  if (hello === undefined) return false;
  if (hello.supportedVersions.includes(tls13)) return hello.pskIdentities.length > 0;
  // Also if it comes with a ticket (RFC 5077, section 3.4).
  return hello.legacySessionId.length > 0;
}

/** A full handshake, or a resumed one. */
interface Handshake {
  readonly hello: ClientHello | undefined;
  readonly isResumed: boolean;
  readonly mode: ResumptionMode;
  /** Sessions that the client was given. */
  readonly sessions: readonly Buffer[];
}

/** Rejects if there is no handshake. */
async function shakeHands(
  acceptor: TlsAcceptor,
  secureContext: SecureContext,
  session?: Buffer,
): Promise<Handshake> {
  const [clientSide, serverSide] = duplexPair();
  // It has all that the acceptor uses of a socket.
  const socket = serverSide as unknown as Socket;
  const client = connect({
    socket: clientSide,
    secureContext,
    // The certificate is made for this alone.
    rejectUnauthorized: false,
    ...(session !== undefined && { session }),
  });
  const sessions: Buffer[] = [];
  client.on('session', (given) => sessions.push(given));
  const patience = new Patience();
  try {
    const work = serve(acceptor, socket, client);
    const served = await Promise.race([work, failureOf(client), patience.end]);
    return { ...served, isResumed: client.isSessionReused(), sessions };
  } finally {
    patience.clear();
    client.destroy();
    serverSide.destroy();
  }
}

/** The server's side, until the client has received what was sent behind its sessions. */
async function serve(
  acceptor: TlsAcceptor,
  socket: Socket,
  client: TLSSocket,
): Promise<Pick<Handshake, 'hello' | 'mode'>> {
  const greeted = new Promise((resolve) => client.once('data', resolve));
  const hello = await new HelloReader().read(socket);
  const connection = await acceptor.accept(socket);
  connection.socket.on('error', () => connection.socket.destroy());
  connection.socket.write('.');
  await greeted;
  connection.socket.destroy();
  return { hello, mode: connection.mode };
}

function failureOf(client: TLSSocket): Promise<never> {
  return new Promise((_resolve, reject) => {
    client.on('error', reject);
    client.on('close', () => reject(new Error('the connection ends')));
  });
}

/**
 * How long a handshake may take that happens within this thread: counted in ticks, so that a thread that gets no
 * processor has more time.
 */
class Patience {
  readonly end: Promise<never>;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    const { promise, reject } = Promise.withResolvers<never>();
    this.end = promise;
    let tickCount = 0;
    this.#timer = setInterval(() => {
      tickCount += 1;
      if (tickCount >= proofLimits.maxTicks) reject(new Error('the handshake does not end'));
    }, proofLimits.tickMs);
  }

  clear(): void {
    clearInterval(this.#timer);
  }
}

/**
 * A full handshake that fails tells of resumption only if the same version can be spoken otherwise: else this machine
 * does not allow it, or the client inside this process cannot.
 */
function resultsOf(
  attempts: ReadonlyMap<ProofKind, Attempt>,
): Omit<ResumptionProof, 'ticketKeyMode'> {
  const isSpoken = (isVersion13: boolean): boolean =>
    [...attempts].some(([kind, { isFullDone }]) => isTls13(kind) === isVersion13 && isFullDone);
  const results: Partial<Record<ProofKind, ProofResult>> = {};
  const reasons: Partial<Record<ProofKind, string>> = {};
  for (const kind of proofKinds) {
    const attempt = attempts.get(kind);
    const isKnown = attempt?.result !== 'fails' || isSpoken(isTls13(kind));
    results[kind] = isKnown ? (attempt?.result ?? 'excluded') : 'untried';
    if (attempt?.reason !== undefined) reasons[kind] = attempt.reason;
  }
  return {
    results: results as Record<ProofKind, ProofResult>,
    reasons,
    areTicketsRenewed:
      attempts.get('tls13-ticket')?.isRenewed ?? attempts.get('tls13-hybrid')?.isRenewed,
    nodeVersion: process.versions.node,
    opensslVersion: process.versions.openssl ?? 'unknown',
  };
}
