import t from 'tap';
import type { ClientHello } from '../../../tls/hello/client-hello.ts';
import { type HelloRouteOptions, routeHello } from '../../../tls/hello/route.ts';
import { makeTicketKey, ReplicatedTicketKeys } from '../../../tls/tickets/ticket-keys.ts';
import { ticketHead, ticketNameFor, writeTicketName } from '../../../tls/tickets/ticket-name.ts';
import { NativeTicketRoutes, PerKeyTicketRoutes } from '../../../tls/tickets/ticket-routes.ts';

const times = { createdAt: 0, expiresAt: 1 };
const keyOf = (byte: number) => makeTicketKey(new Uint8Array(48).fill(byte), times);
const current = keyOf(1);
const previous = keyOf(2);
const hour = 3_600_000;
const now = 20_000 * 24 * hour;
const iv = new Uint8Array(16).fill(7);
const empty = new Uint8Array(0);

/** A ticket through the hook. */
const nativeTicket = (byte: number, serverName?: string, fullHandshakeAt = now - hour) => {
  const name = writeTicketName(keyOf(byte), iv, { serverName, fullHandshakeAt });
  return Buffer.concat([name, iv, new Uint8Array(200).fill(byte)]);
};
/** A ticket of a server with one key. */
const perKeyTicket = (byte: number, serverName?: string) =>
  Buffer.concat([ticketNameFor(keyOf(byte), serverName), iv, new Uint8Array(200).fill(byte)]);

const id = new Uint8Array(32).fill(9);
const otherId = new Uint8Array(32).fill(8);
const tls13Hello: ClientHello = {
  legacySessionId: id,
  sessionTicket: undefined,
  pskIdentities: [],
  keyShareGroups: [0x1d],
  supportedGroups: undefined,
  serverName: undefined,
  supportedVersions: [0x0304, 0x0303],
  hasExtendedMasterSecret: true,
};
const tls12Hello: ClientHello = { ...tls13Hello, supportedVersions: [0x0303], keyShareGroups: [] };
const named: ClientHello = { ...tls13Hello, serverName: 'Mail.Example' };
const named12: ClientHello = { ...tls12Hello, serverName: 'Mail.Example', sessionTicket: empty };

const toCache = { mode: 'stateful' };
const toNone = { mode: 'none' };
const begins = (clients: string, serverName?: string) => ({
  mode: 'ticket',
  clients,
  serverName,
  fullHandshakeAt: undefined,
});
const resumes = (clients: string, serverName?: string) => ({
  ...begins(clients, serverName),
  fullHandshakeAt: now - hour,
});
const perKey = (key: typeof current, serverName?: string) => ({
  mode: 'ticket',
  key,
  keyName: ticketNameFor(key, serverName),
});

interface Wanted {
  readonly stateful: object;
  readonly tickets: object;
}
type Case = readonly [
  name: string,
  hello: (ticket: typeof nativeTicket) => ClientHello,
  native: Wanted,
  perKey: Wanted,
];

const both = (route: object): Wanted => ({ stateful: route, tickets: route });
const elseTickets = (tickets: object): Wanted => ({ stateful: toCache, tickets });

const newIn13 = [elseTickets(begins('tls13')), elseTickets(perKey(current))] as const;
const cases: readonly Case[] = [
  ['TLS 1.3, new', () => tls13Hello, ...newIn13],
  [
    'TLS 1.3 with the id of a session',
    () => ({ ...tls13Hello, pskIdentities: [otherId] }),
    ...newIn13,
  ],
  [
    'TLS 1.3 without a legacy session id',
    () => ({ ...tls13Hello, legacySessionId: empty }),
    both(begins('tls13')),
    both(perKey(current)),
  ],
  [
    'TLS 1.3 without a legacy session id, with a ticket',
    (ticket) => ({ ...tls13Hello, legacySessionId: empty, pskIdentities: [ticket(1)] }),
    both(resumes('tls13')),
    both(perKey(current)),
  ],
  [
    'TLS 1.3 of wolfSSL with a ticket',
    (ticket) => ({
      ...tls13Hello,
      legacySessionId: ticket(1).subarray(-32),
      pskIdentities: [ticket(1)],
    }),
    both(resumes('tls13')),
    elseTickets(toNone),
  ],
  [
    'TLS 1.3 in need of a HelloRetryRequest',
    () => ({ ...tls13Hello, keyShareGroups: [0x1e, 0x0a0a] }),
    both(begins('tls13')),
    both(perKey(current)),
  ],
  [
    'TLS 1.3 without any key share',
    () => ({ ...tls13Hello, keyShareGroups: [] }),
    both(begins('tls13')),
    both(perKey(current)),
  ],
  [
    'TLS 1.3 with one of our groups among others',
    () => ({ ...tls13Hello, keyShareGroups: [0x0a0a, 0x11ec] }),
    ...newIn13,
  ],
  [
    'TLS 1.3 with a ticket of the key before',
    (ticket) => ({ ...tls13Hello, pskIdentities: [ticket(2)] }),
    both(resumes('tls13')),
    both(perKey(previous)),
  ],
  [
    'TLS 1.3 with tickets of a key that is gone and of a live one',
    (ticket) => ({ ...tls13Hello, pskIdentities: [ticket(3), ticket(2)] }),
    both(resumes('tls13')),
    both(perKey(previous)),
  ],
  [
    'TLS 1.3 with a ticket of a key that is gone',
    (ticket) => ({ ...tls13Hello, pskIdentities: [ticket(3)] }),
    ...newIn13,
  ],
  [
    'TLS 1.3 with the bare name of a key',
    (ticket) => ({ ...tls13Hello, pskIdentities: [ticket(1).subarray(0, 32)] }),
    ...newIn13,
  ],
  [
    'TLS 1.3 with as many tickets as a client may offer',
    (ticket) => ({ ...tls13Hello, pskIdentities: Array.from({ length: 8 }, () => ticket(1)) }),
    both(resumes('tls13')),
    both(perKey(current)),
  ],
  [
    'TLS 1.3 with a ticket among more than a client needs',
    (ticket) => ({ ...tls13Hello, pskIdentities: Array.from({ length: 9 }, () => ticket(1)) }),
    ...newIn13,
  ],
  [
    'TLS 1.3 with a ticket for its server name',
    (ticket) => ({ ...named, pskIdentities: [ticket(1, 'mail.example')] }),
    both(resumes('tls13', 'mail.example')),
    both(perKey(current, 'mail.example')),
  ],
  [
    'TLS 1.3 with a ticket for another server name',
    (ticket) => ({ ...named, pskIdentities: [ticket(1, 'imap.example')] }),
    elseTickets(begins('tls13', 'mail.example')),
    elseTickets(perKey(current, 'mail.example')),
  ],
  [
    'TLS 1.3 with a ticket for no server name',
    (ticket) => ({ ...named, pskIdentities: [ticket(1)] }),
    elseTickets(begins('tls13', 'mail.example')),
    elseTickets(perKey(current, 'mail.example')),
  ],
  [
    'TLS 1.3 that asks for a name which we do not have',
    (ticket) => ({ ...tls13Hello, serverName: 'x.test', pskIdentities: [ticket(1, 'x.test')] }),
    both(resumes('tls13', 'x.test')),
    elseTickets(toNone),
  ],
  ['TLS 1.2 without tickets', () => tls12Hello, elseTickets(toNone), elseTickets(toNone)],
  [
    'TLS 1.2 with an empty id',
    () => ({ ...tls12Hello, legacySessionId: empty }),
    elseTickets(toNone),
    elseTickets(toNone),
  ],
  [
    'TLS 1.2 that takes tickets',
    () => ({ ...tls12Hello, sessionTicket: empty }),
    elseTickets(begins('tls12-unnamed')),
    elseTickets(perKey(current)),
  ],
  [
    'TLS 1.2 with a ticket of the key before',
    (ticket) => ({ ...tls12Hello, sessionTicket: ticket(2) }),
    both(resumes('tls12-unnamed')),
    both(perKey(previous)),
  ],
  [
    'TLS 1.2 with a ticket of a key that is gone',
    (ticket) => ({ ...tls12Hello, sessionTicket: ticket(3) }),
    elseTickets(begins('tls12-unnamed')),
    elseTickets(perKey(current)),
  ],
  [
    'TLS 1.2 with a ticket for its server name',
    (ticket) => ({ ...named12, sessionTicket: ticket(1, 'mail.example') }),
    both(resumes('tls12-named', 'mail.example')),
    both(perKey(current, 'mail.example')),
  ],
  [
    'TLS 1.2 with a ticket for another server name',
    (ticket) => ({ ...named12, sessionTicket: ticket(1, 'imap.example') }),
    elseTickets(begins('tls12-named', 'mail.example')),
    elseTickets(perKey(current, 'mail.example')),
  ],
  [
    'TLS 1.2 without extended master secret',
    (ticket) => ({ ...tls12Hello, hasExtendedMasterSecret: false, sessionTicket: ticket(2) }),
    both(toNone),
    both(toNone),
  ],
];

const source = new ReplicatedTicketKeys([current, previous]);
const ourNames = new Set(['mail.example', 'imap.example']);
const native = new NativeTicketRoutes(source, () => now);
const byKey = new PerKeyTicketRoutes(source, (name) => ourNames.has(name));
const options = (
  kind: HelloRouteOptions['kind'],
  tickets: HelloRouteOptions['tickets'],
): HelloRouteOptions => ({ kind, tickets, groups: [0x11ec, 0x1d] });

/** A route without the tickets that may be opened. */
const routeWithoutTickets = (hello: ClientHello, options: HelloRouteOptions) => {
  const route = routeHello(hello, options);
  if (!('openable' in route)) return route;
  const { openable, ...others } = route;
  t.equal(openable.length > 0, others.fullHandshakeAt !== undefined);
  return others;
};

for (const [name, helloWith, ...wanted] of cases) {
  void t.test(name, async (t) => {
    for (const [mode, tickets, makeTicket, routes] of [
      ['native', native, nativeTicket, wanted[0]],
      ['per key', byKey, perKeyTicket, wanted[1]],
    ] as const) {
      const hello = helloWith(makeTicket);
      t.strictSame(routeWithoutTickets(hello, options('stateful', tickets)), routes.stateful, mode);
      t.strictSame(routeWithoutTickets(hello, options('tickets', tickets)), routes.tickets, mode);
      t.strictSame(routeHello(hello, options('off', tickets)), toNone, 'off');
      for (const kind of ['stateful', 'tickets'] as const) {
        t.not(routeHello(hello, options(kind, undefined)).mode, 'ticket', 'without keys');
      }
    }
  });
}

void t.test('a ticket whose chain of resumptions has ended is not opened', async (t) => {
  const day = 24 * hour;
  for (const [age, isOpened] of [
    [0, true],
    [day - 60_000, true],
    [day, false],
    [7 * day, false],
    // By a machine whose clock is ahead.
    [-hour, true],
  ] as const) {
    const hello = { ...tls13Hello, pskIdentities: [nativeTicket(1, undefined, now - age)] };
    t.equal(native.toResume(hello) !== undefined, isOpened, `${age / hour} hours`);
  }
});

void t.test(
  'of several tickets the oldest chain counts, and one that may not be opened',
  async (t) => {
    const [young, old] = [nativeTicket(1), nativeTicket(2, undefined, now - 2 * hour)];
    const routeOf = (...pskIdentities: Uint8Array[]) =>
      native.toResume({ ...tls13Hello, pskIdentities });
    t.match(routeOf(young, nativeTicket(3), old), {
      fullHandshakeAt: now - 2 * hour,
      openable: [ticketHead(young), ticketHead(old)],
    });
    t.equal(routeOf(young, nativeTicket(1, 'mail.example')), undefined);
    t.equal(routeOf(young, nativeTicket(1, undefined, now - 25 * hour)), undefined);
  },
);
