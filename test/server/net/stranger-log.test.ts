import pino from 'pino';
import t from 'tap';
import { defaultNetworkLimits } from '../../../server/net/limits.ts';
import { StrangerLog } from '../../../server/net/stranger-log.ts';
import { ConnectionLostError } from '../../../server/net/byte-stream.ts';
import { TlsAcceptError } from '../../../tls/events.ts';

function makeLog() {
  let nowMs = 0;
  const lines: Record<string, unknown>[] = [];
  let byteCount = 0;
  const logger = pino(
    {},
    {
      write: (line: string) => {
        byteCount += line.length;
        lines.push(JSON.parse(line) as Record<string, unknown>);
      },
    },
  );
  const strangers = new StrangerLog({ logger, clock: () => nowMs, limits: defaultNetworkLimits });
  return {
    strangers,
    lines,
    bytes: () => byteCount,
    wait: (ms: number) => void (nowMs += ms),
  };
}

const failure = new TlsAcceptError('NOT_TLS', 'Cannot read a ClientHello');

await t.test('a flood is a few short lines, and one with the number of the others', (t) => {
  const { strangers, lines, bytes, wait } = makeLog();
  for (let count = 0; count < 41_675; count++) strangers.writeFailedHandshake('192.0.2.1', failure);
  t.equal(lines.length, 3);
  t.match(lines[0], {
    msg: 'TLS handshake failed',
    address: '192.0.2.1',
    code: 'NOT_TLS',
    reason: 'Cannot read a ClientHello',
  });
  t.notOk(bytes() > 1_000);
  wait(60_000);
  strangers.sweep();
  t.match(lines.at(-1), { msg: 'TLS handshake failed (more of them)', leftOut: 41_672 });
  strangers.sweep();
  t.equal(lines.length, 4);
  t.end();
});

await t.test('each group has its lines, up to a bound for all; a /64 is one group', (t) => {
  const { strangers, lines } = makeLog();
  for (let count = 0; count < 4; count++)
    strangers.writeFailedHandshake(`2001:db8::${count}`, failure);
  t.equal(lines.length, 3);
  for (let group = 0; group < 1_000; group++) {
    strangers.writeFailedHandshake(`10.0.${group >> 8}.${group & 255}`, failure);
  }
  t.equal(lines.length, 30);
  t.end();
});

await t.test('each text has bounds of its own, and each minute is new', (t) => {
  const { strangers, lines, wait } = makeLog();
  for (let count = 0; count < 5; count++) {
    strangers.write('info', '192.0.2.1', {}, 'one');
    strangers.write('warn', '192.0.2.1', {}, 'two');
  }
  t.equal(lines.length, 6);
  wait(60_000);
  strangers.write('info', '192.0.2.1', {}, 'one');
  t.match(lines.slice(6), [
    { msg: 'one (more of them)', leftOut: 2 },
    { msg: 'two (more of them)', leftOut: 2 },
    { msg: 'one' },
  ]);
  t.end();
});

await t.test('a fault of the server is never left out; a client that is gone is none', (t) => {
  const { strangers, lines } = makeLog();
  for (let count = 0; count < 10; count++) {
    strangers.writeFailedHandshake('192.0.2.1', new Error('boom'));
    strangers.writeFailedHandshake('192.0.2.1', new ConnectionLostError());
  }
  t.equal(lines.length, 10);
  t.match(lines[0], { level: 50, err: { message: 'boom', stack: /Error/ } });
  t.end();
});
