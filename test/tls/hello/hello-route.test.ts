import t from 'tap';
import type { ClientHello } from '../../../tls/index.ts';
import { type HelloRouteOptions, routeHello } from '../../../tls/hello/route.ts';
import { makeTicketKey } from '../../../tls/tickets/ticket-keys.ts';

const times = { createdAt: 0, expiresAt: 1 };
const current = makeTicketKey(new Uint8Array(48).fill(1), times);
const previous = makeTicketKey(new Uint8Array(48).fill(2), times);
const ticketOf = (byte: number): Uint8Array => new Uint8Array(200).fill(byte);
const id = new Uint8Array(32).fill(9);

const tls13Hello: ClientHello = {
  legacySessionId: id,
  sessionTicket: undefined,
  pskIdentities: [],
  keyShareGroups: [0x1d],
  serverName: undefined,
  alpn: [],
  supportedVersions: [0x0304, 0x0303],
  hasExtendedMasterSecret: true,
};
const tls12Hello: ClientHello = { ...tls13Hello, supportedVersions: [0x0303], keyShareGroups: [] };

const empty = new Uint8Array(0);
const toCurrent = { mode: 'ticket', key: current };
const toPrevious = { mode: 'ticket', key: previous };
const toCache = { mode: 'stateful' };
const toNone = { mode: 'none' };

type Wanted = readonly [
  name: string,
  hello: ClientHello,
  routes: { stateful: object; tickets: object },
];

const cases: readonly Wanted[] = [
  ['TLS 1.3, new', tls13Hello, { stateful: toCache, tickets: toCurrent }],
  [
    'TLS 1.3 with the id of a session',
    { ...tls13Hello, pskIdentities: [id] },
    { stateful: toCache, tickets: toCurrent },
  ],
  [
    'TLS 1.3 without a legacy session id',
    { ...tls13Hello, legacySessionId: empty },
    { stateful: toCurrent, tickets: toCurrent },
  ],
  [
    'TLS 1.3 in need of a HelloRetryRequest',
    { ...tls13Hello, keyShareGroups: [0x1e, 0x0a0a] },
    { stateful: toCurrent, tickets: toCurrent },
  ],
  [
    'TLS 1.3 without any key share',
    { ...tls13Hello, keyShareGroups: [] },
    { stateful: toCurrent, tickets: toCurrent },
  ],
  [
    'TLS 1.3 with one of our groups among others',
    { ...tls13Hello, keyShareGroups: [0x0a0a, 0x11ec] },
    { stateful: toCache, tickets: toCurrent },
  ],
  [
    'TLS 1.3 with a ticket of the key before',
    { ...tls13Hello, pskIdentities: [ticketOf(2)] },
    { stateful: toPrevious, tickets: toPrevious },
  ],
  [
    'TLS 1.3 with tickets of a key that is gone and of a live one',
    { ...tls13Hello, pskIdentities: [ticketOf(3), ticketOf(2)] },
    { stateful: toPrevious, tickets: toPrevious },
  ],
  [
    'TLS 1.3 with a ticket of a key that is gone',
    { ...tls13Hello, pskIdentities: [ticketOf(3)] },
    { stateful: toCache, tickets: toCurrent },
  ],
  [
    'TLS 1.3 with the bare name of a key',
    { ...tls13Hello, pskIdentities: [current.name] },
    { stateful: toCache, tickets: toCurrent },
  ],
  ['TLS 1.2 without tickets', tls12Hello, { stateful: toCache, tickets: toNone }],
  [
    'TLS 1.2 with an empty id',
    { ...tls12Hello, legacySessionId: empty },
    { stateful: toCache, tickets: toNone },
  ],
  [
    'TLS 1.2 that takes tickets',
    { ...tls12Hello, sessionTicket: empty },
    { stateful: toCache, tickets: toCurrent },
  ],
  [
    'TLS 1.2 with a ticket of the key before',
    { ...tls12Hello, sessionTicket: ticketOf(2) },
    { stateful: toPrevious, tickets: toPrevious },
  ],
  [
    'TLS 1.2 with a ticket of a key that is gone',
    { ...tls12Hello, sessionTicket: ticketOf(3) },
    { stateful: toCache, tickets: toCurrent },
  ],
  [
    'TLS 1.2 without extended master secret',
    { ...tls12Hello, hasExtendedMasterSecret: false, sessionTicket: ticketOf(2) },
    { stateful: toNone, tickets: toNone },
  ],
];

const options = (kind: HelloRouteOptions['kind']): HelloRouteOptions => ({
  kind,
  keys: [current, previous],
  groups: [0x11ec, 0x1d],
});

for (const [name, hello, routes] of cases) {
  void t.test(name, async (t) => {
    t.strictSame(routeHello(hello, options('stateful')), routes.stateful, 'stateful');
    t.strictSame(routeHello(hello, options('tickets')), routes.tickets, 'tickets');
    t.strictSame(routeHello(hello, options('off')), toNone, 'off');
    for (const kind of ['stateful', 'tickets'] as const) {
      const { mode } = routeHello(hello, { ...options(kind), keys: [] });
      t.not(mode, 'ticket', `${kind}, without keys`);
    }
  });
}
