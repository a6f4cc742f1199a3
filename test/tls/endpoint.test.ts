// What an endpoint leaves behind of its ticket key: OpenSSL frees the memory of a context as it is.
import { Server } from 'node:tls';
import t from 'tap';
import { ReplicatedTicketKeys } from '../../tls/index.ts';
import { makeTicketKey } from '../../tls/tickets/ticket-keys.ts';
import { noteOverwrittenBytes } from '../fixtures/overwritten-bytes.ts';
import { startInMode } from '../fixtures/tls-acceptor-server.ts';
import { visitWithNode } from '../fixtures/tls-visit.ts';
import { until } from '../fixtures/until.ts';

const keyOf = (byte: number) =>
  makeTicketKey(new Uint8Array(48).fill(byte), { createdAt: 0, expiresAt: Infinity });
const isOfKey = (byte: number, bytes: Uint8Array) =>
  bytes.length === 48 && bytes.subarray(16).every((each) => each === byte);

void t.test('a key is overwritten in OpenSSL when it has no connection left', async (t) => {
  const overwritten = noteOverwrittenBytes(t);
  const replaced: { readonly before: Buffer; readonly after: Buffer }[] = [];
  const { setTicketKeys } = Server.prototype;
  Server.prototype.setTicketKeys = function (this: Server, keys) {
    const before = this.getTicketKeys();
    setTicketKeys.call(this, keys);
    replaced.push({ before, after: this.getTicketKeys() });
  };
  t.teardown(() => (Server.prototype.setTicketKeys = setTicketKeys));
  const ticketKeys = new ReplicatedTicketKeys([keyOf(1)]);
  const { port, acceptor } = await startInMode(t, 'tickets', {
    resumption: { kind: 'tickets', ticketKeys },
    ticketKeyMode: 'per_key',
  });
  await visitWithNode({ port, version: 'TLSv1.3' });
  const copyCount = overwritten.countIf((bytes) => isOfKey(1, bytes));
  t.equal(copyCount, 1, 'nor is it kept in the array in which OpenSSL was given it');
  const ended = () => replaced.filter(({ before }) => isOfKey(1, before));
  t.same(ended(), [], 'not before');
  ticketKeys.replace([keyOf(2)]);
  await visitWithNode({ port, version: 'TLSv1.3' });
  await acceptor.close();
  await until(() => ended().length > 0, 10_000);
  t.ok(
    ended().every(({ after }) => after.every((byte) => byte === 0)),
    'then',
  );
});
