// What the hook answers OpenSSL, call by call.
import type { Server, TLSSocket } from 'node:tls';
import t from 'tap';
import { makeTicketKey, ReplicatedTicketKeys } from '../../../tls/tickets/ticket-keys.ts';
import {
  type TicketClients,
  type TicketConnection,
  TicketHook,
} from '../../../tls/tickets/ticket-hook.ts';
import { readFullHandshakeAt, ticketHead } from '../../../tls/tickets/ticket-name.ts';

const minute = 60_000;
const now = 1_000_000 * minute;
const keyOf = (byte: number) =>
  makeTicketKey(new Uint8Array(48).fill(byte), { createdAt: 0, expiresAt: Infinity });

type Answer = [result: number, ...bytes: Uint8Array[]];

function open(clients: TicketClients, opens = true) {
  const context: {
    enableTicketKeyCallback: () => void;
    onticketkeycallback?: (name: Uint8Array, iv: Uint8Array, isSealing: boolean) => Answer;
  } = { enableTicketKeyCallback: () => {} };
  const keys = new ReplicatedTicketKeys([keyOf(1), keyOf(2)]);
  const server = { _sharedCreds: { context } } as unknown as Server;
  const hook = new TicketHook(server, { keys, clients, opens, clock: () => now });
  const noBytes = new Uint8Array(16);
  return {
    hook,
    keys,
    seal: () => context.onticketkeycallback!(noBytes, noBytes, true),
    open: (name: Uint8Array) => context.onticketkeycallback!(name, noBytes, false),
  };
}

const connectionOf = (
  serverName: string | undefined,
  more: Partial<TicketConnection> = {},
): TicketConnection => ({
  serverName,
  fullHandshakeAt: undefined,
  openable: [],
  isDirect: true,
  ...more,
});

const nameOf = (byte: number) => new Uint8Array(16).fill(byte);

/** A connection whose handshake has begun, with tickets of these keys. */
function begin(hook: TicketHook, ...keys: readonly number[]): TicketConnection {
  const openable = keys.map((byte) => ticketHead(nameOf(byte), new Uint8Array(16)));
  const connection = connectionOf('a.test', { openable });
  hook.begin(connection);
  return connection;
}

/** When the chain of what was sealed began, if it is for this name. */
const chainIn = ([, , , name, iv]: Answer, serverName: string | undefined) =>
  readFullHandshakeAt(keyOf(1), Buffer.concat([name!, iv!]), serverName, now);

const isRefusal = ([result, ...bytes]: Answer): boolean =>
  // Node ends the process if one is missing.
  result === 0 && bytes.length === 4 && bytes.every(({ length }) => length === 16);

void t.test(
  'a ticket of TLS 1.3 is for the connection whose handshake was just done',
  async (t) => {
    const { hook, seal } = open('tls13');
    t.ok(isRefusal(seal()), 'none yet');
    hook.secure(connectionOf('a.test'), false);
    t.equal(chainIn(seal(), 'a.test'), now);
    t.equal(chainIn(seal(), 'b.test'), undefined);
    hook.secure(connectionOf(undefined, { fullHandshakeAt: now - 5 * minute }), true);
    t.equal(chainIn(seal(), undefined), now - 5 * minute, 'of the chain that it goes on with');
    hook.secure(connectionOf('a.test', { fullHandshakeAt: now - 5 * minute }), false);
    t.equal(chainIn(seal(), 'a.test'), now, 'or of a new one');
    hook.secure(connectionOf('a.test', { fullHandshakeAt: now + 5 * minute }), true);
    t.equal(chainIn(seal(), 'a.test'), now, 'which never began later than now');
    hook.secure(connectionOf('a.test'), true);
    t.ok(isRefusal(seal()), 'none for one that has resumed with what was not looked at');
    hook.secure(connectionOf('a.test'), false);
    hook.secure(undefined, false);
    t.ok(isRefusal(seal()), 'none for one that has failed');
    hook.secure(connectionOf('a.test'), false);
    await new Promise(setImmediate);
    t.ok(isRefusal(seal()), 'none later');
  },
);

void t.test('nothing is sealed in TLS 1.3 if it may be for another', async (t) => {
  const { hook, seal } = open('tls13');
  hook.secure(connectionOf('a.test', { isDirect: false }), false);
  t.equal(chainIn(seal(), 'a.test'), now);
  hook.secure(connectionOf('b.test', { isDirect: false }), false);
  t.ok(isRefusal(seal()));
  await new Promise(setImmediate);
  hook.secure(connectionOf('b.test', { isDirect: false }), false);
  t.equal(chainIn(seal(), 'b.test'), now);
});

void t.test(
  'a ticket of TLS 1.2 is for the connection that has the client’s Finished',
  async (t) => {
    const { hook, seal } = open('tls12-named');
    const socketOf = (state: { peer?: boolean; own?: boolean }) =>
      ({
        getPeerFinished: () => (state.peer === true ? Buffer.alloc(12) : undefined),
        getFinished: () => (state.own === true ? Buffer.alloc(12) : undefined),
      }) as TLSSocket;
    const states = [{ peer: false }, { peer: false, own: false }, { peer: true, own: true }];
    const connections = states.map((state, i) =>
      connectionOf(`n${i}.test`, { tlsSocket: socketOf(state) }),
    );
    const unknown = connectionOf('unknown.test');
    for (const connection of [unknown, ...connections]) hook.begin(connection);
    t.ok(isRefusal(seal()));
    states[1]!.peer = true;
    t.equal(chainIn(seal(), 'n1.test'), now);
    states[0]!.peer = true;
    t.ok(isRefusal(seal()), 'none if there are two');
    hook.end(connections[1]!);
    t.equal(chainIn(seal(), 'n0.test'), now);
    hook.secure(connections[0], false);
    t.ok(isRefusal(seal()));
    t.equal(
      chainIn(open('tls12-unnamed').seal(), undefined),
      now,
      'those without a name are alike',
    );
  },
);

void t.test('every live key opens, TLS 1.3 renews', async (t) => {
  for (const [clients, result] of [
    ['tls13', 2],
    ['tls12-named', 1],
    ['tls12-unnamed', 1],
  ] as const) {
    const opening = open(clients);
    begin(opening.hook, 1, 2, 3);
    for (const byte of [1, 2]) {
      const [given, macKey, aesKey] = opening.open(nameOf(byte));
      t.equal(given, result, clients);
      t.same(macKey, keyOf(byte).secret.slice(16, 32));
      t.same(aesKey, keyOf(byte).secret.slice(32));
    }
    t.ok(isRefusal(opening.open(nameOf(3))), 'not a key that is gone');
    opening.keys.replace([keyOf(3)]);
    t.ok(isRefusal(opening.open(nameOf(1))));
    t.equal(opening.open(nameOf(3))[0], result, 'but one that has come since');
    const closed = open(clients, false);
    begin(closed.hook, 1);
    t.ok(isRefusal(closed.open(nameOf(1))), 'unless nothing is opened');
  }
});

void t.test(
  'a ticket is opened while the handshake of a client that came with it lasts',
  async (t) => {
    for (const clients of ['tls13', 'tls12-named', 'tls12-unnamed'] as const) {
      const { hook, open: openTicket } = open(clients);
      const isOpened = (byte: number) => !isRefusal(openTicket(nameOf(byte)));
      t.notOk(isOpened(1), 'not before');
      const [one, another] = [begin(hook, 1), begin(hook, 1)];
      t.ok(isOpened(1));
      t.ok(isOpened(1), 'also in a second hello');
      t.notOk(isOpened(2), 'but then no other');
      hook.secure(one, true);
      hook.end(one);
      t.ok(isOpened(1), 'another client has it too');
      hook.end(another);
      t.notOk(isOpened(1), 'not after');
    }
  },
);

void t.test('what OpenSSL is given of a key survives its end, but not the turn', async (t) => {
  const { hook, keys, seal, open: openTicket } = open('tls13');
  begin(hook, 1);
  hook.secure(connectionOf('a.test'), false);
  const answers = [seal(), openTicket(new Uint8Array(16).fill(1))];
  keys.replace([keyOf(3)]);
  for (const [, macKey, aesKey] of answers) {
    t.same(macKey, new Uint8Array(16).fill(1));
    t.same(aesKey, new Uint8Array(16).fill(1));
  }
  await new Promise(setImmediate);
  for (const [, macKey, aesKey] of answers) {
    t.same(macKey, new Uint8Array(16));
    t.same(aesKey, new Uint8Array(16));
  }
});

void t.test('a source that fails costs a full handshake, not the process', async (t) => {
  const { hook, seal, open: openTicket, keys } = open('tls13');
  Object.defineProperty(keys, 'keys', {
    get: () => {
      throw new Error('No keys');
    },
  });
  begin(hook, 1);
  hook.secure(connectionOf('a.test'), false);
  t.ok(isRefusal(seal()));
  t.ok(isRefusal(openTicket(new Uint8Array(16).fill(1))));
});
