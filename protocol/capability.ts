import { defaultMaxAppendBytes, defaultMessageLimit } from './limits.ts';

/** How far a connection has come: in the clear, under TLS, logged in. */
export type ConnectionStage = 'before-tls' | 'before-login' | 'after-login';

/** One capability, as its row in the table says. */
interface CapabilityRow {
  readonly rfc: string;
  /** The stages in which it is announced; absent: all, because clients judge a server by its first list. */
  readonly stages?: readonly ConnectionStage[];
  /** True if it is announced only to a client that has shown a valid certificate. */
  readonly needsCertificate?: true;
  /** True if nobody can turn it off: without it the list would not be true. */
  readonly isFixed?: true;
  /** True if it is off unless the configuration says what is: for what few clients know, or what some fail on. */
  readonly isOffByDefault?: true;
  /** True if ENABLE turns it on. @see RFC 5161 */
  readonly isEnabled?: true;
  /** What it builds on: without these it is turned off, too. */
  readonly needs?: readonly string[];
  /** The capability that brings this one and more, so that this one is announced only if that is turned off. */
  readonly insteadOf?: string;
  /** What is announced behind its name and `=`; `messageLimit`: as {@link CapabilityState} has it. */
  readonly value?: number | 'messageLimit';
}

/** The capabilities, in the order in which they are announced. A new one is a row here. */
const capabilities = {
  IMAP4rev1: { rfc: 'RFC 3501' },
  IMAP4rev2: {
    rfc: 'RFC 9051',
    isEnabled: true,
    needs: [
      'IDLE',
      'NAMESPACE',
      'UIDPLUS',
      'UNSELECT',
      'MOVE',
      'ENABLE',
      'ESEARCH',
      'SEARCHRES',
      'STATUS=SIZE',
      'LIST-EXTENDED',
      'LIST-STATUS',
      'BINARY',
      'SASL-IR',
    ],
  },
  'LITERAL+': { rfc: 'RFC 7888' },
  'LITERAL-': { rfc: 'RFC 7888, section 5', insteadOf: 'LITERAL+' },
  IDLE: { rfc: 'RFC 2177' },
  NAMESPACE: { rfc: 'RFC 2342' },
  UIDPLUS: { rfc: 'RFC 4315' },
  UNSELECT: { rfc: 'RFC 3691' },
  MOVE: { rfc: 'RFC 6851' },
  ID: { rfc: 'RFC 2971' },
  ENABLE: { rfc: 'RFC 5161' },
  'UTF8=ACCEPT': { rfc: 'RFC 9755', isEnabled: true },
  CHILDREN: { rfc: 'RFC 3348' },
  'COMPRESS=DEFLATE': { rfc: 'RFC 4978' },
  METADATA: { rfc: 'RFC 5464', isEnabled: true },
  'METADATA-SERVER': { rfc: 'RFC 5464', isEnabled: true, insteadOf: 'METADATA' },
  'LIST-EXTENDED': { rfc: 'RFC 5258' },
  'LIST-METADATA': { rfc: 'RFC 9590', needs: ['LIST-EXTENDED', 'METADATA'] },
  'LIST-STATUS': { rfc: 'RFC 5819', needs: ['LIST-EXTENDED'] },
  'SPECIAL-USE': { rfc: 'RFC 6154' },
  'CREATE-SPECIAL-USE': { rfc: 'RFC 6154, section 3', needs: ['SPECIAL-USE'] },
  CONDSTORE: { rfc: 'RFC 7162', isEnabled: true },
  QRESYNC: { rfc: 'RFC 7162', isEnabled: true, needs: ['ENABLE', 'CONDSTORE'] },
  ESEARCH: { rfc: 'RFC 4731' },
  SEARCHRES: { rfc: 'RFC 5182', needs: ['ESEARCH'] },
  MULTISEARCH: { rfc: 'RFC 7377', needs: ['ESEARCH'] },
  'SEARCH=FUZZY': { rfc: 'RFC 6203' },
  WITHIN: { rfc: 'RFC 5032' },
  PARTIAL: { rfc: 'RFC 9394', needs: ['ESEARCH'] },
  UIDBATCHES: { rfc: 'RFC 10022' },
  UIDONLY: { rfc: 'RFC 9586', isEnabled: true, isOffByDefault: true, needs: ['ENABLE'] },
  MESSAGELIMIT: { rfc: 'RFC 9738', isOffByDefault: true, value: 'messageLimit' },
  SAVELIMIT: {
    rfc: 'RFC 9738',
    isOffByDefault: true,
    insteadOf: 'MESSAGELIMIT',
    value: 'messageLimit',
  },
  BINARY: { rfc: 'RFC 3516' },
  NOTIFY: { rfc: 'RFC 5465' },
  MULTIAPPEND: { rfc: 'RFC 3502' },
  CATENATE: { rfc: 'RFC 4469' },
  'URL-PARTIAL': { rfc: 'RFC 5550' },
  REPLACE: { rfc: 'RFC 8508' },
  SORT: { rfc: 'RFC 5256' },
  'SORT=DISPLAY': { rfc: 'RFC 5957', needs: ['SORT'] },
  ESORT: { rfc: 'RFC 5267', needs: ['SORT', 'ESEARCH'] },
  'CONTEXT=SEARCH': { rfc: 'RFC 5267', needs: ['ESEARCH'] },
  'CONTEXT=SORT': { rfc: 'RFC 5267', needs: ['ESORT', 'CONTEXT=SEARCH'] },
  'THREAD=ORDEREDSUBJECT': { rfc: 'RFC 5256' },
  'THREAD=REFERENCES': { rfc: 'RFC 5256' },
  'THREAD=REFS': { rfc: 'draft-ietf-morg-inthread' },
  'I18NLEVEL=1': { rfc: 'RFC 5255, section 4' },
  LANGUAGE: { rfc: 'RFC 5255, section 3', needs: ['NAMESPACE'] },
  INPROGRESS: { rfc: 'RFC 9585' },
  APPENDLIMIT: { rfc: 'RFC 7889', value: defaultMaxAppendBytes },
  'STATUS=SIZE': { rfc: 'RFC 8438' },
  OBJECTID: { rfc: 'RFC 8474' },
  SAVEDATE: { rfc: 'RFC 8514' },
  PREVIEW: { rfc: 'RFC 8970' },
  'LOGIN-REFERRALS': { rfc: 'RFC 2221' },
  UNAUTHENTICATE: { rfc: 'RFC 8437' },
  'MAILBOX-REFERRALS': { rfc: 'RFC 2193' },
  'SASL-IR': { rfc: 'RFC 4959', stages: ['before-tls', 'before-login'] },
  STARTTLS: { rfc: 'RFC 3501, section 6.2.1', stages: ['before-tls'], isFixed: true },
  LOGINDISABLED: { rfc: 'RFC 3501, section 6.2.3', stages: ['before-tls'], isFixed: true },
  'AUTH=SCRAM-SHA-256-PLUS': {
    rfc: 'RFC 7677',
    stages: ['before-login'],
    needs: ['AUTH=SCRAM-SHA-256'],
  },
  'AUTH=SCRAM-SHA-256': { rfc: 'RFC 7677', stages: ['before-login'] },
  'AUTH=OAUTHBEARER': { rfc: 'RFC 7628', stages: ['before-login'] },
  'AUTH=XOAUTH2': { rfc: 'Google, Microsoft', stages: ['before-login'] },
  'AUTH=PLAIN': { rfc: 'RFC 4616', stages: ['before-login'] },
  'AUTH=LOGIN': { rfc: 'draft-murchison-sasl-login', stages: ['before-login'] },
  'AUTH=EXTERNAL': { rfc: 'RFC 4422', stages: ['before-login'], needsCertificate: true },
} as const satisfies { readonly [name: string]: CapabilityRow };

type CapabilityTable = typeof capabilities;

/** The name of a capability, as it is announced. */
export type Capability = keyof CapabilityTable;

/** A capability that a client turns on by ENABLE; a session holds the set of them. */
export type EnabledExtension = {
  [Name in Capability]: CapabilityTable[Name] extends { readonly isEnabled: true } ? Name : never;
}[Capability];

const rows = new Map(Object.entries<CapabilityRow>(capabilities) as [Capability, CapabilityRow][]);

/** The capabilities that can be turned off: for the server, for an account, or because the store lacks what they need. */
export const switchableCapabilities: readonly Capability[] = [...rows]
  .filter(([, { isFixed }]) => isFixed !== true)
  .map(([name]) => name);

/** What is turned off for all if nobody says what is. */
export const capabilitiesOffByDefault: readonly Capability[] = [...rows]
  .filter(([, { isOffByDefault }]) => isOffByDefault === true)
  .map(([name]) => name);

/** Every capability with the document that defines it, for the README; in the order in which they are announced. */
export const documentedCapabilities: readonly {
  readonly name: Capability;
  readonly rfc: string;
  readonly isSwitchable: boolean;
  readonly isOffByDefault: boolean;
}[] = [...rows].map(([name, { rfc, isFixed, isOffByDefault }]) => ({
  name,
  rfc,
  isSwitchable: isFixed !== true,
  isOffByDefault: isOffByDefault === true,
}));

/** The one of {@link switchableCapabilities} with this name, in whatever case; undefined if there is none. */
export function findSwitchableCapability(name: string): Capability | undefined {
  const wanted = name.toLowerCase();
  return switchableCapabilities.find((known) => known.toLowerCase() === wanted);
}

/** True if a capability is among those that are turned off, or builds on one of them. */
export function isTurnedOff(capability: Capability, off: ReadonlySet<Capability>): boolean {
  if (off.size === 0) return false;
  const needs = rows.get(capability)?.needs as readonly Capability[] | undefined;
  return off.has(capability) || needs?.some((needed) => isTurnedOff(needed, off)) === true;
}

/** True if what is turned off leaves a revision of IMAP. */
export function leavesRevision(off: ReadonlySet<Capability>): boolean {
  return !isTurnedOff('IMAP4rev1', off) || !isTurnedOff('IMAP4rev2', off);
}

/** True if the capability still counts for a client that has logged in. */
export function isKnownAfterLogin(capability: Capability): boolean {
  const stages = rows.get(capability)?.stages;
  return stages === undefined || stages.includes('after-login');
}

/** What ENABLE turns on by this name, in whatever case; undefined for what it does not know. */
export function findEnabledExtension(name: string): EnabledExtension | undefined {
  const wanted = name.toLowerCase();
  for (const [known, row] of rows) {
    if (known.toLowerCase() === wanted && row.isEnabled === true) return known as EnabledExtension;
  }
  return undefined;
}

/**
 * True for a client that takes UTF-8 in quoted strings, and to which mailbox names are UTF-8 instead of modified UTF-7.
 *
 * @see RFC 9755, section 3; RFC 9051, section 5.1
 */
export function takesUtf8(enabled: ReadonlySet<EnabledExtension>): boolean {
  return enabled.has('UTF8=ACCEPT') || enabled.has('IMAP4rev2');
}

/** What a connection can be told at the moment that it asks for the capabilities. */
export interface CapabilityState {
  readonly stage: ConnectionStage;
  /** True if the client has shown a valid certificate, with which it can log in. */
  readonly hasCertificate: boolean;
  /** What is turned off, by whomever. It is not announced, and what it brings is unknown. The set never changes. */
  readonly off: ReadonlySet<Capability>;
  /** Messages that one command may be about; absent: the default. */
  readonly messageLimit?: number;
}

/**
 * The capabilities of a connection in its present state, in the order in which they are announced.
 *
 * @see RFC 3501, sections 6.1.1, 6.2.1 and 6.2.3; RFC 4959
 */
export function listCapabilities(state: CapabilityState): readonly string[] {
  const { stage, hasCertificate, off, messageLimit = defaultMessageLimit } = state;
  let known = listsOf.get(off);
  if (known === undefined) {
    known = new Map();
    listsOf.set(off, known);
  }
  const key = `${hasCertificate ? `${stage} with certificate` : stage} ${messageLimit}`;
  const list = known.get(key) ?? makeList(state);
  known.set(key, list);
  return list;
}

/** What has been listed before, by the set of what is off: a server asks for the same few lists all day. */
const listsOf = new WeakMap<ReadonlySet<Capability>, Map<string, readonly string[]>>();

function makeList({
  stage,
  hasCertificate,
  off,
  messageLimit = defaultMessageLimit,
}: CapabilityState): readonly string[] {
  const list: string[] = [];
  for (const [name, { stages, needsCertificate, insteadOf, value }] of rows) {
    if (isTurnedOff(name, off)) continue;
    if (insteadOf !== undefined && !off.has(insteadOf as Capability)) continue;
    if (stages !== undefined && !stages.includes(stage)) continue;
    if (needsCertificate === true && !hasCertificate) continue;
    const told = value === 'messageLimit' ? messageLimit : value;
    list.push(told === undefined ? name : `${name}=${told}`);
  }
  return list;
}
