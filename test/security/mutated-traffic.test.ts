// What real clients said, recorded, then spoilt in every way: the server answers, ends the connection where
// it must, and goes on with everybody else.
import { ImapFlow } from 'imapflow';
import t from 'tap';
import { clientPath, findClient } from '../fixtures/clients.ts';
import { countConnections } from '../fixtures/count-connections.ts';
import { ImapClient } from '../fixtures/imap-client.ts';
import { startImapService } from '../fixtures/imap-service.ts';
import { plainMessage } from '../fixtures/plain-message.ts';
import { startRecordingProxy } from '../fixtures/recording-proxy.ts';
import { runProgram } from '../fixtures/run-program.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';
import { until } from '../fixtures/until.ts';

const mutantCount = 1_000;
const concurrency = 8;
/** Of a log line about a fault of the server. */
const errorLevel = 50;
/** Pieces that mean something to a parser. */
const tokens = [
  '{4294967295}',
  '{3+}\r\n',
  '(',
  ')',
  '"',
  '\0',
  '\r',
  '\n',
  '*',
  ':',
  '\\',
  '<0.1>',
  '[',
  'é',
  ' ',
];

const service = await startImapService(t);
const seed = Number(process.env['SEED'] ?? 1);
t.comment(`SEED=${seed}`);

await t.test('mutated sessions of real clients', async (t) => {
  const sessions = await recordSessions();
  t.ok(sessions.length >= 2, `${sessions.length} sessions were recorded`);
  const random = new SeededRandom(seed);
  await playMutants(sessions, random);

  const faults = service.log.filter(({ level }) => Number(level) >= errorLevel);
  t.same(faults.slice(0, 3), [], 'nothing is logged as a fault of the server');
  await until(() => service.service.connectionCount === 0);
  t.equal(await countConnections(0), 0, 'nothing of a connection stays');
  const client = await service.login();
  t.equal(await countConnections(1), 1, 'control: one that is there is counted');
  await client.ok('SELECT INBOX');
  await client.ok('APPEND INBOX', plainMessage('after'));
  await client.ok('FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE)');
});

/** What ImapFlow and, where it is there, curl say in a session that uses most of the grammar. */
async function recordSessions(): Promise<readonly Buffer[]> {
  const proxy = await startRecordingProxy(service.imapsPort);
  const flow = new ImapFlow({
    host: '127.0.0.1',
    port: proxy.port,
    secure: true,
    auth: { user: 'alice', pass: 'secret' },
    tls: { rejectUnauthorized: false },
    logger: false,
  });
  await flow.connect();
  await flow.mailboxCreate('Entwürfe/neu');
  await flow.append('INBOX', plainMessage('recorded', 2_000), ['\\Seen', 'keyword'], new Date(0));
  await flow.mailboxOpen('INBOX');
  await flow.fetchAll('1:*', {
    envelope: true,
    bodyStructure: true,
    source: { start: 3, maxLength: 9 },
  });
  await flow.search({
    or: [{ subject: 'é' }, { from: 'b' }],
    since: new Date(0),
    header: { 'x-a': 'b' },
  });
  await flow.messageFlagsAdd('1', ['\\Flagged'], { uid: true });
  await flow.messageCopy('1', 'Entwürfe/neu');
  await flow.status('INBOX', { messages: true, highestModseq: true });
  await flow.logout();
  if (findClient('curl') !== undefined) {
    const url = `imaps://127.0.0.1:${proxy.port}/INBOX;MAILINDEX=1;SECTION=HEADER.FIELDS%20(DATE%20FROM)`;
    await runProgram(clientPath('curl'), ['-sk', '--user', 'alice:secret', url]);
  }
  await proxy.close();
  return proxy.sessions.map((chunks) => Buffer.concat(chunks));
}

/** One to six changes: flipped bits, lost and doubled pieces, pieces that mean something. */
function mutate(session: Buffer, random: SeededRandom): Buffer {
  let mutant: Buffer = Buffer.from(session);
  for (let change = random.below(6); change >= 0; change--) {
    // Login stays as it is in most, so that what follows is reached.
    const loginEnd = random.chance(0.8)
      ? mutant.indexOf('\r\n', mutant.indexOf('AUTHENTICATE'))
      : 0;
    const at =
      Math.max(0, loginEnd) + random.below(Math.max(1, mutant.length - Math.max(0, loginEnd)));
    const length = random.below(random.chance(0.2) ? 400 : 8);
    const [head, tail] = [mutant.subarray(0, at), mutant.subarray(at)];
    const middle = [
      () => Buffer.from([random.below(256)]),
      () => Buffer.from(random.pick(tokens), 'latin1'),
      () => tail.subarray(0, length * 2),
      () => random.bytes(length),
    ];
    const kept = random.chance(0.5) ? tail.subarray(length) : tail;
    mutant = Buffer.concat([head, random.pick(middle)(), kept]);
  }
  return mutant;
}

async function playMutants(sessions: readonly Buffer[], random: SeededRandom): Promise<void> {
  let begun = 0;
  const worker = async () => {
    while (begun++ < mutantCount) await play(mutate(random.pick(sessions), random), random);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  // What they filed would make each round heavier than the one before.
  const client = await service.login();
  await client.ok('SELECT INBOX');
  await client.ok('STORE 1:* +FLAGS.SILENT (\\Deleted)');
  await client.ok('CLOSE');
  await client.logout();
}

/** Says a mutant to the server and waits for the end of the connection. */
async function play(mutant: Buffer, random: SeededRandom): Promise<void> {
  const client = await ImapClient.connect({ port: service.imapsPort, security: 'tls' });
  if (random.chance(0.3)) await client.sendInChunks(mutant, 1 + random.below(50)).catch(() => {});
  else client.send(mutant);
  client.socket.end();
  await client.readToEnd();
  client.socket.destroy();
}
