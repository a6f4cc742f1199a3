// Clients of other protocols on our ports: each is told so in one line, counted, and let go. Among them are browsers that
// somebody has led here (ALPACA): nothing of what they send may be taken for a command.
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { noMetrics } from '../../server/metrics/metrics-recorder.ts';
import { captureNodeHello } from '../fixtures/captured-hello.ts';
import { ImapClient } from '../fixtures/imap-client.ts';
import { startImapService } from '../fixtures/imap-service.ts';
import { until } from '../fixtures/until.ts';

const causes: string[] = [];
const service = await startImapService(t, {
  metrics: { ...noMetrics, recordConnectionEnded: (cause) => void causes.push(cause) },
});
const { imapPort, imapsPort, log } = service;

const login143 = 'x LOGIN alice secret\r\n';
const foreigners: Readonly<Record<string, string>> = {
  'HTTP GET': 'GET / HTTP/1.1\r\nHost: mail.example.org\r\n\r\n',
  'HTTP POST': `POST / HTTP/1.1\r\nHost: mail.example.org\r\nContent-Length: 22\r\n\r\n${login143}`,
  'HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'an HTTP proxy': 'CONNECT mail.example.org:993 HTTP/1.1\r\n\r\n',
  SMTP: 'EHLO mail.example.org\r\n',
  'SMTP without a name': 'EHLO\r\n',
  POP3: 'USER alice\r\n',
  'POP3 that asks first': 'CAPA\r\n',
  SSH: 'SSH-2.0-OpenSSH_9.2\r\n',
  SIP: 'OPTIONS sip:alice@example.org SIP/2.0\r\n\r\n',
};
const binary: Readonly<Record<string, Buffer>> = {
  'SSL 2.0': Buffer.from([0x80, 0x2e, 1, 3, 1]),
  'Remote Desktop': Buffer.from([3, 0, 0, 19, 14, 0xe0]),
  SOCKS: Buffer.from([5, 1, 0]),
  MQTT: Buffer.from([0x10, 12, 0, 4, 0x4d, 0x51]),
};

const noImap = '* BYE This is an IMAP server, and that is no IMAP command';
const noTls = '* BYE TLS is expected here';

/** Sends bytes, behind the greeting if there is one; all that is answered up to the end. */
async function answersTo(socket: Socket, bytes: string | Buffer): Promise<string> {
  let text = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => (text += chunk));
  socket.on('error', () => {});
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

async function connect(port: number, isTls: boolean): Promise<Socket> {
  const options = { port, host: '127.0.0.1' };
  const socket = isTls
    ? connectTls({ ...options, rejectUnauthorized: false })
    : connectTcp(options);
  await once(socket, isTls ? 'secureConnect' : 'connect');
  return socket;
}

/** The lines behind the greeting. */
function behindGreeting(text: string): readonly string[] {
  const [greeting, ...lines] = text.split('\r\n');
  return greeting?.startsWith('* OK ') === true ? lines : [`no greeting: ${greeting}`];
}

for (const [port, isTls, name] of [
  [imapPort, false, 'on 143'],
  [imapsPort, true, 'inside of TLS on 993'],
] as const) {
  await t.test(name, async (t) => {
    for (const [protocol, bytes] of Object.entries({ ...foreigners, ...binary })) {
      causes.length = 0;
      const text = await answersTo(await connect(port, isTls), bytes);
      t.same(behindGreeting(text), [noImap, ''], protocol);
      t.same(causes, ['notImap']);
    }
  });
}

await t.test('inside of TLS behind STARTTLS, where IMAP was spoken before', async (t) => {
  for (const [protocol, bytes] of Object.entries({ ...foreigners, ...binary })) {
    causes.length = 0;
    const client = await ImapClient.connect({ port: imapPort, security: 'plain' });
    await client.ok('NOOP');
    await client.ok('STARTTLS');
    await client.startTls();
    client.socket.removeAllListeners('data');
    t.equal(await answersTo(client.socket, bytes), `${noImap}\r\n`, protocol);
    t.same(causes, ['notImap']);
  }
});

await t.test('in the clear on 993, and behind STARTTLS', async (t) => {
  for (const [protocol, bytes] of Object.entries({ ...foreigners, IMAP: login143 })) {
    causes.length = 0;
    t.equal(await answersTo(await connect(imapsPort, false), bytes), `${noTls}\r\n`, protocol);
    await until(() => causes.length === 1);
    const client = await ImapClient.connect({ port: imapPort, security: 'plain' });
    await client.ok('STARTTLS');
    client.socket.removeAllListeners('data');
    t.equal(await answersTo(client.socket, bytes), `${noTls}\r\n`, `${protocol} behind STARTTLS`);
    await until(() => causes.length === 2);
    t.same(causes, ['notTls', 'notTls']);
  }
});

await t.test('noise on 993 gets an alert', async (t) => {
  for (const [protocol, bytes] of Object.entries(binary)) {
    causes.length = 0;
    const text = await answersTo(await connect(imapsPort, false), bytes);
    t.equal(text.slice(0, 6), '\x15\x03\x03\0\x02\x02', protocol);
    await until(() => causes.length === 1);
    t.same(causes, ['notTls']);
  }
});

await t.test('TLS on 143', async (t) => {
  causes.length = 0;
  const hello = await captureNodeHello({});
  const lines = behindGreeting(await answersTo(await connect(imapPort, false), hello));
  t.match(lines, [/^\* BYE This is an IMAP server, and TLS is not expected here/, '']);
  t.same(causes, ['notImap']);
});

await t.test('a client of IMAP is none of them', async (t) => {
  causes.length = 0;
  // People press Enter, and get a command wrong.
  const socket = await connect(imapPort, false);
  const text = await answersTo(socket, '\r\na LOGIN\r\nb NOOP\r\nc FROBNICATE\r\nd LOGOUT\r\n');
  t.match(behindGreeting(text), [/^\* BAD/, /^a BAD/, /^b OK/, /^c BAD/, /^\* BYE/, /^d OK/, '']);
  const client = await service.connect('starttls');
  await client.ok('NOOP');
  t.match(await client.command('FROBNICATE'), { status: 'BAD' });
  await client.logout();
  t.same(causes, []);
});

await t.test('the log has a few lines of each kind, however many they are', async (t) => {
  const texts = log.filter(({ level }) => level === 30).map(({ msg }) => msg);
  for (const text of ['closing connection', 'TLS handshake failed']) {
    t.equal(texts.filter((other) => other === text).length, 3, text);
  }
  t.notMatch(JSON.stringify(log), /secret/, 'and nothing of what they said');
});
