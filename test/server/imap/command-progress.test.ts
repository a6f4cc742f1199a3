// RFC 9585: a client is told that its command is still at work.
import t from 'tap';
import { Connection } from '../../../server/imap/connection.ts';
import { progressIntervalMs } from '../../../server/imap/limits.ts';
import type { MailStore } from '../../../store/mail-store.ts';
import type { ImapClient } from '../../fixtures/imap-client.ts';
import { messageOf, startImapService } from '../../fixtures/imap-service.ts';
import { until } from '../../fixtures/until.ts';

let nowMs = 0;
const storeMethods: Partial<MailStore> = {};
const { store, newClient, newAccount, login } = await startImapService(t, {
  storeMethods,
  steadyClock: () => nowMs,
  limits: { sweepIntervalMs: 2 },
  accountCapabilitiesOff: new Map([['bob', ['INPROGRESS']]]),
});

let sweepCount = 0;
const { sweep } = Connection.prototype;
t.intercept(Connection.prototype, 'sweep', {
  value(this: Connection, sweepMs: number) {
    sweepCount += 1;
    sweep.call(this, sweepMs);
  },
});

/** All clients are looked at, at the time that it is then. */
async function sweepAt(ms: number): Promise<void> {
  nowMs = ms;
  const wanted = sweepCount + 16;
  await until(() => sweepCount >= wanted);
}

/** A COPY that goes on until it is let go. */
async function startCopy(client: ImapClient, tag: string): Promise<() => void> {
  await client.ok('APPEND INBOX', messageOf('one'));
  await client.ok('SELECT INBOX');
  const { promise, resolve } = Promise.withResolvers<void>();
  let isHeld = false;
  storeMethods.copyMessages = async (...copied) => {
    isHeld = true;
    await promise;
    return store.copyMessages(...copied);
  };
  client.send(`${tag} COPY 1 Drafts\r\n`);
  await until(() => isHeld);
  return resolve;
}

await t.test('a command that lasts is told of, with its tag, once in an interval', async (t) => {
  const client = await newClient();
  const begin = nowMs;
  const letGo = await startCopy(client, 'A0_1');
  await sweepAt(begin + 1);
  await sweepAt(begin + progressIntervalMs);
  await sweepAt(begin + progressIntervalMs + 1);
  t.equal((await client.read()).text, '* OK [INPROGRESS ("A0_1" NIL NIL)] Still working');
  await sweepAt(begin + 2 * progressIntervalMs);
  await sweepAt(begin + 2 * progressIntervalMs + 1);
  t.equal((await client.read()).text, '* OK [INPROGRESS ("A0_1" NIL NIL)] Still working');
  letGo();
  t.match(await client.read(), { text: /^A0_1 OK \[COPYUID/ }, 'and no more often');
  await sweepAt(begin + 9 * progressIntervalMs);
  t.same((await client.ok('NOOP')).untagged, [], 'nor when it is over');
});

await t.test('a tag that would end the response code is left out', async (t) => {
  const client = await newClient();
  const begin = nowMs;
  const letGo = await startCopy(client, 'a]b');
  await sweepAt(begin + 1);
  await sweepAt(begin + progressIntervalMs + 1);
  t.equal((await client.read()).text, '* OK [INPROGRESS] Still working');
  letGo();
  t.match(await client.read(), { text: /^a\]b OK/ });
});

/** Lets a command come to a call of the store, which then waits. Returns what lets that call go on. */
async function holdCommand(
  client: ImapClient,
  line: string,
  hold: (gate: Promise<void>, onHeld: () => void) => void,
): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isHeld = false;
  hold(promise, () => (isHeld = true));
  client.send(`${line}\r\n`);
  await until(() => isHeld);
  return resolve;
}

await t.test('mailboxes that are searched are counted, and all of them', async (t) => {
  const client = await (await newAccount())();
  for (const name of ['INBOX', 'Drafts', 'Sent']) {
    await client.ok(`APPEND ${name}`, messageOf('one'));
  }
  const begin = nowMs;
  let searchCount = 0;
  const letGo = await holdCommand(
    client,
    'a]b ESEARCH IN (mailboxes (INBOX Drafts Sent)) RETURN (COUNT) TEXT "one"',
    (gate, onHeld) => {
      storeMethods.search = async (...asked) => {
        searchCount += 1;
        if (searchCount === 3) {
          onHeld();
          await gate;
        }
        return store.search(...asked);
      };
    },
  );
  await sweepAt(begin + 1);
  await sweepAt(begin + progressIntervalMs + 1);
  letGo();
  const lines: string[] = [];
  for (;;) {
    const { text } = await client.read();
    lines.push(text);
    if (text.startsWith('a]b ')) break;
  }
  t.match(lines, [
    /ESEARCH/,
    /ESEARCH/,
    '* OK [INPROGRESS (NIL 2 3)] Still working',
    /ESEARCH/,
    /^a\]b OK/,
  ]);
});

await t.test('messages that are fetched are counted, but for the last one', async (t) => {
  const client = await (await newAccount())();
  for (const text of ['one', 'two']) await client.ok('APPEND INBOX', messageOf(text));
  await client.ok('SELECT INBOX');
  const begin = nowMs;
  const letGo = await holdCommand(client, 'a FETCH 1:2 BODY.PEEK[]', (gate, onHeld) => {
    storeMethods.rows = async function* (...asked) {
      yield* store.rows(...asked);
      onHeld();
      await gate;
    };
  });
  await sweepAt(begin + 1);
  await sweepAt(begin + progressIntervalMs + 1);
  letGo();
  const texts: string[] = [];
  for (let count = 0; count < 4; count++) texts.push((await client.read()).text);
  t.match(texts, [/FETCH/, /FETCH/, '* OK [INPROGRESS ("a" 1 2)] Still working', /^a OK/]);
});

await t.test('a client that is waited for is told nothing', async (t) => {
  const client = await (await newAccount())();
  const begin = nowMs;
  client.send('a IDLE\r\n');
  t.match((await client.read()).text, /^\+ /);
  for (let count = 0; count < 4; count++) await sweepAt(begin + count * progressIntervalMs);
  client.send('DONE\r\n');
  t.match(await client.read(), { text: /^a OK/ });
  client.send('b APPEND Drafts {10}\r\n');
  t.match((await client.read()).text, /^\+ /);
  for (let count = 4; count < 8; count++) await sweepAt(begin + count * progressIntervalMs);
  client.send('0123456789\r\n');
  t.match(await client.read(), { text: /^b OK/ });
});

await t.test('a client for which it is off is told nothing', async (t) => {
  const client = await login('bob');
  const begin = nowMs;
  const letGo = await startCopy(client, 'a');
  for (let count = 0; count < 4; count++) await sweepAt(begin + count * progressIntervalMs);
  letGo();
  t.match(await client.read(), { text: /^a OK/ });
});
