/** What a connection may do at the moment that it asks for the capabilities. */
export interface CapabilityState {
  /** True once TLS protects the connection. */
  readonly isEncrypted: boolean;
  /** True once the client has logged in. */
  readonly isAuthenticated: boolean;
  /** True where STARTTLS would be accepted; it is announced only until TLS protects the connection. */
  readonly canStartTls: boolean;
  /** True where passwords may cross the connection as it is: over TLS, or where the operator allows it. */
  readonly canLogin: boolean;
  /** True where the client has shown a valid certificate, with which it can log in. */
  readonly hasCertificate: boolean;
}

/** The extensions; announced before login too, because clients judge a server by its first list. */
const extensions = [
  'LITERAL+',
  'IDLE',
  'NAMESPACE',
  'UIDPLUS',
  'UNSELECT',
  'MOVE',
  'ID',
  'ENABLE',
  'CHILDREN',
  'SPECIAL-USE',
  'CONDSTORE',
] as const;

/**
 * The capabilities of a connection in its present state, in the order in which they are announced. What
 * concerns logging in (STARTTLS, LOGINDISABLED, SASL-IR, AUTH=) is gone once the client has.
 *
 * @see RFC 3501, sections 6.1.1, 6.2.1 and 6.2.3; RFC 4959
 */
export function listCapabilities(state: CapabilityState): readonly string[] {
  const list = ['IMAP4rev1', ...extensions];
  if (state.isAuthenticated) return list;
  list.push('SASL-IR');
  if (state.canStartTls && !state.isEncrypted) list.push('STARTTLS');
  if (state.canLogin) list.push('AUTH=PLAIN', 'AUTH=LOGIN');
  else list.push('LOGINDISABLED');
  if (state.hasCertificate) list.push('AUTH=EXTERNAL');
  return list;
}
