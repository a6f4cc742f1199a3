import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib';
import t, { type Test } from 'tap';
import { startTestServer } from '../../../server/testing.ts';
import { describeScenario } from '../../../server/transcripts/describe-result.ts';
import {
  assertTranscript,
  type RunTranscriptOptions,
  runTranscript,
  TranscriptFailedError,
} from '../../../server/transcripts/run-transcript.ts';
import { startScriptedServer } from '../../fixtures/scripted-server.ts';

const credentials = { user: 'alice', password: 'secret' } as const;

/** Runs a transcript against a server that answers so; what a person is told of it. */
async function run(
  t: Test,
  transcript: string,
  answers: Readonly<Record<string, readonly string[]>>,
  options: Partial<RunTranscriptOptions> = {},
): Promise<string> {
  const stopwatch = new Stopwatch();
  const { port } = await startScriptedServer(t, answers, () => stopwatch.expire());
  const result = await runTranscript(transcript, {
    host: '127.0.0.1',
    port,
    security: 'plain',
    credentials,
    stopwatch,
    ...options,
  });
  return result.scenarios.map(describeScenario).join('\n');
}

/** Time that passes only when a test says so. */
class Stopwatch {
  #nowMs = 0;
  readonly #tasks = new Set<() => void>();

  now(): number {
    return this.#nowMs;
  }

  after(_delayMs: number, task: () => void): () => void {
    this.#tasks.add(task);
    return () => this.#tasks.delete(task);
  }

  expire(): void {
    this.#nowMs += 1e9;
    for (const task of this.#tasks) task();
  }
}

const passed = 'ok       line 1 (IMAP4rev1)';

await t.test('what is as the transcript says passes', async (t) => {
  t.equal(await run(t, 'C: a X\nS: * 1 EXISTS\nS: a OK x', { X: ['* 1 EXISTS'] }), passed);
});

await t.test('a response in the place of another one', async (t) => {
  const told = await run(
    t,
    'C: a X {{user}}\nS: * {{n:number}} EXISTS\nS: * 1 RECENT\nS: a OK x\nC: b Y\nS: b OK x',
    {
      X: ['* 3 EXISTS', '* 2 RECENT', 'T NO [CANNOT] no'],
    },
  );
  t.equal(
    told,
    [
      'FAILED   line 1 (IMAP4rev1)',
      '  line 3, connection 1: another response came',
      '    sent      C: a X {{user}}',
      '    expected  S: * 1 RECENT',
      '    received  S: * 2 RECENT',
      '    where     1 was expected, 2 came',
      '    captured  n = 3',
      '  line 4, connection 1: another response came',
      '    sent      C: a X {{user}}',
      '    expected  S: a OK x',
      '    received  S: a NO [CANNOT] no',
      '    where     OK was expected, NO came',
      '    captured  n = 3',
    ].join('\n'),
    'and what follows is left out',
  );
});

await t.test('a response too many, one that is missing, and another order', async (t) => {
  const transcript = 'C: a X\nS: * 1 EXISTS\nS: * 1 RECENT\nS: a OK x';
  const told = async (...lines: string[]) => {
    const text = await run(t, transcript, { X: lines });
    return text.split('\n').filter((line) => /^ {2}line|received/.test(line));
  };
  t.strictSame(await told('* 1 EXISTS', '* FLAGS ()', '* 1 RECENT'), [
    '  line 3, connection 1: a response that is not in the transcript',
    '    received  S: * FLAGS ()',
  ]);
  t.strictSame(await told('* 1 EXISTS'), [
    '  line 3, connection 1: a response is missing',
    '    received  something else',
  ]);
  t.strictSame(await told('* 1 RECENT', '* 1 EXISTS'), [
    '  line 2, connection 1: a response is missing',
    '    received  something else',
    '  line 4, connection 1: a response that is not in the transcript',
    '    received  S: * 1 EXISTS',
  ]);
  t.strictSame(
    await told('* 1 EXISTS', '* 1 RECENT', 'T OK x', '* 5 EXISTS', 'end'),
    [
      '  line 4, connection 1: a response that is not in the transcript',
      '    received  S: * 5 EXISTS',
    ],
    'also behind the last line',
  );
});

await t.test('what may come: in any order, once, always, whatever', async (t) => {
  const anyOrder = 'C: a X\nin any order:\nS: * 1 EXISTS\nS: * 2 RECENT\nend\nS: a OK x';
  t.equal(await run(t, anyOrder, { X: ['* 2 RECENT', '* 1 EXISTS'] }), passed);
  t.match(await run(t, anyOrder, { X: ['* 2 RECENT', '* 3 EXISTS'] }), /line 3.*another response/);
  t.match(await run(t, anyOrder, { X: ['* 2 RECENT'] }), /line 3.*missing/);
  t.match(
    await run(t, anyOrder, { X: ['* 2 RECENT', '* 2 RECENT', '* 1 EXISTS'] }),
    /S: \* 2 RECENT/,
  );

  const optional = 'C: a X\nS?: * {{n:number}} EXISTS\nS: a OK x';
  t.equal(await run(t, optional, { X: ['* 2 EXISTS'] }), passed);
  t.equal(await run(t, optional, { X: [] }), passed);
  t.match(
    await run(t, optional, { X: ['* 2 EXISTS', '* 3 EXISTS'] }),
    /received {2}S: \* 3 EXISTS/,
  );

  const allowed = 'allow: * {{number}} EXISTS\nC: a X\nS: a OK x';
  t.equal(await run(t, allowed, { X: ['* 2 EXISTS', '* 3 EXISTS'] }), passed);
  t.match(await run(t, allowed, { X: ['* 2 RECENT'] }), /not in the transcript/);

  const anything = 'C: a X\nS: ...\nS: * 2 RECENT\nS: a OK x';
  t.equal(await run(t, anything, { X: ['* 2 EXISTS', '* OK [ALERT] x', '* 2 RECENT'] }), passed);
  t.match(await run(t, anything, { X: ['* 2 EXISTS'] }), /missing/);
  t.match(await run(t, anything, { X: ['* 2 RECENT', '* 2 EXISTS'] }), /not in the transcript/);
});

await t.test('the deadline, the end of the connection', async (t) => {
  const transcript = 'C: a X\nS: a OK x';
  t.match(
    await run(t, transcript, { X: ['silence'] }),
    /line 2, connection 1: a response is missing[^]*received {2}nothing came before the deadline/,
  );
  t.match(
    await run(t, transcript, { X: ['close'] }),
    /the connection was closed \(by the server\)/,
  );
  t.equal(await run(t, 'C: a X\nS closes', { X: ['close'] }), passed);
  t.match(await run(t, 'C: a X\nS closes', { X: [] }), /S: a OK done/);
  t.match(
    await run(t, 'C: a X\nS closes', { X: ['silence'] }),
    /line 2, connection 1: a response is missing[^]*it is still open/,
  );
});

await t.test('several connections, each with its own responses', async (t) => {
  const transcript =
    'C: a X\nC2: b Y\nS: * 1 EXISTS\nS: a OK x\nS2: * 2 EXISTS\nS2: b OK x\nC closes\nC2: c Z\nS2: c OK x';
  const answers = { X: ['* 1 EXISTS'], Y: ['* 2 EXISTS'] };
  t.equal(await run(t, transcript, answers), passed);
  t.match(
    await run(t, transcript, { ...answers, Y: [] }),
    /line 5, connection 2: a response is missing/,
  );
});

await t.test('with isGoingOn what follows is told, too', async (t) => {
  const transcript = 'C: a X\nS: a OK x\nC: b Y\nS: b OK x';
  const answers = { X: ['T NO x'], Y: ['T NO x'] };
  t.notMatch(await run(t, transcript, answers), /line 4/);
  t.match(await run(t, transcript, answers, { isGoingOn: true }), /line 4/);
});

await t.test('lines for one revision only, also within a block', async (t) => {
  const block = (line: string) => `C: a X\nin any order:\n${line}\nS: * 2 EXISTS\nend\nS: a OK x`;
  const answers = { X: ['* 2 EXISTS'] };
  t.match(await run(t, 'C: a X\nS: * 2 EXISTS\nS rev2: * 1 RECENT\nS: a OK x', answers), /^ok /);
  t.match(await run(t, block('S rev2: * 1 RECENT'), answers), /^ok /);
  t.match(await run(t, block('S rev1: * 1 RECENT'), answers), /line 3/);
});

await t.test('what a server lacks skips a scenario', async (t) => {
  const told = (keys: string, options?: Partial<RunTranscriptOptions>) =>
    run(t, `${keys}\nC: a X\nS: a OK x`, {}, options);
  t.match(await told('needs: IDLE MOVE'), /^skipped .* does not announce MOVE$/);
  t.match(await told('lacks: IDLE'), /^skipped .* announces IDLE$/);
  t.match(await told('transport: encrypted'), /^skipped .* with TLS$/);
  t.match(await told('revision: rev2'), /^skipped .* not for IMAP4rev1$/);
  t.match(await told('needs: idle', { revision: 'rev2' }), /^skipped .* announce IMAP4rev2$/);
  t.match(await told('', { security: 'starttls' }), /^FAILED .* "STARTTLS" with "rp2 NO no"$/);
});

await t.test('an account with mail is left alone', async (t) => {
  const server = await startTestServer({ accounts: { alice: 'secret' } });
  t.teardown(() => server.stop());
  const added = { account: 'alice', mailbox: 'Archive', message: 'Subject: mine\n\nHi\n' };
  await server.addMessage(added);
  const options: RunTranscriptOptions = {
    host: '127.0.0.1',
    port: server.imapsPort,
    security: 'tls',
    ca: server.certificate,
    serverName: 'localhost',
    credentials,
  };
  const transcript = [
    '== one',
    'mailbox: Work/new',
    'messages: INBOX 2',
    'C: a DELETE Archive',
    'S: a {{/OK|NO/}} [{{...}}] x',
    'C: b UNSUBSCRIBE Sent',
    'S: b OK x',
    '== two',
    'C: a LIST "" Work*',
    'S: a OK x',
    'C: b STATUS INBOX (MESSAGES)',
    'S: * STATUS INBOX (MESSAGES 0)',
    'S: b OK x',
    'C: c LIST "" Archive',
    'S: * LIST ({{...}}) "/" Archive',
    'S: c OK x',
    'C: d LSUB "" Sent',
    String.raw`S: * LSUB ({{...}}) "/" Sent`,
    'S: d OK x',
  ].join('\n');
  const refused = await runTranscript(transcript, options);
  t.notOk(refused.isPassed);
  t.match(refused.scenarios[0]?.reason, /"Archive" has mail \(messages: 1\)/);
  await t.rejects(assertTranscript(transcript, options), TranscriptFailedError);

  const { length } = (await assertTranscript(transcript, { ...options, isWiped: true })).scenarios;
  t.equal(length, 2, 'after the mail was removed, as it was allowed');
  await server.addAccount('bob', 'secret');
  const bob = { ...options, credentials: { user: 'bob', password: 'secret' } };
  await assertTranscript(transcript, bob);
  await assertTranscript('C: a NOOP\nS: a OK x', bob);

  const leaving = [
    'C: a APPEND INBOX {*+}',
    'C| Subject: left',
    'C|',
    'C:',
    'S: a OK [APPENDUID {{number}} {{number}}] x',
    'C: b CREATE Left',
    'S: b OK [MAILBOXID {{...}}] x',
  ].join('\n');
  await assertTranscript(leaving, bob);
  await assertTranscript(leaving, bob);
});

await t.test('a server that is gone ends the run, and what was found before stays', async (t) => {
  const server = await startTestServer({ accounts: { alice: 'secret' } });
  const results: string[] = [];
  const options: RunTranscriptOptions = {
    host: '127.0.0.1',
    port: server.imapsPort,
    security: 'tls',
    isUnchecked: true,
    credentials: async () => {
      if (results.length === 1) await server.stop();
      return credentials;
    },
    onResult: ({ outcome }) => results.push(outcome),
  };
  const three = '== one\nC: a NOOP\nS: a OK x\n'.repeat(3);
  const told = assertTranscript(three, options);
  await t.rejects(told, { message: /^FAILED .*: Cannot connect with 127\.0\.0\.1:\d+: .*$/ });
  t.strictSame(results, ['passed', 'unreachable']);
});

await t.test('what is missing is told once', async (t) => {
  const reason = /the server does not announce XNONE$/;
  t.match(await run(t, 'needs: XNONE\nneeds: XNONE\n\nC: a X\nS: a OK x', {}), reason);
});

await t.test('behind COMPRESS both sides compress', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.write('* OK ready\r\n');
    const inflate = createInflateRaw();
    const deflate = createDeflateRaw();
    deflate.on('data', (chunk: Buffer) => socket.write(chunk));
    inflate.on('data', (chunk: Buffer) => {
      deflate.write(`* OK got ${String(chunk).trim()}\r\n${String(chunk).split(' ', 1)[0]} OK\r\n`);
      deflate.flush(constants.Z_SYNC_FLUSH);
    });
    let isCompressed = false;
    socket.on('data', (chunk: Buffer) => {
      const [tag = '', command = ''] = String(chunk).trim().split(' ');
      if (isCompressed) {
        inflate.write(chunk);
        return;
      }
      isCompressed = command === 'COMPRESS';
      if (command === 'CAPABILITY') socket.write('* CAPABILITY IMAP4rev1\r\n');
      socket.write(`${tag} OK done\r\n`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const transcript = [
    'state: not authenticated',
    'S: * OK ready',
    'C: a COMPRESS DEFLATE',
    'S: a OK x',
    'C starts DEFLATE',
    'C: b NOOP',
    'S: * OK {{exactly}}got b NOOP',
    'S: b OK',
    'C closes',
  ].join('\n');
  const options = { host: '127.0.0.1', port, security: 'plain', credentials } as const;
  const { scenarios } = await runTranscript(transcript, options);
  t.equal(scenarios.map(describeScenario).join('\n'), passed);
});
