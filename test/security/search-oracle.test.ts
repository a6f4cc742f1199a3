// Of mailboxes that are not the client's own a search of several mailboxes must tell nothing: neither by its answer nor by a count,
// nor by the time that it takes. Time is judged by what is asked of the store, which is what a search spends it on.
import t from 'tap';
import type { MailStore } from '../../store/mail-store.ts';
import type { ImapClient } from '../fixtures/imap-client.ts';
import { appendMessages, startImapService, texts } from '../fixtures/imap-service.ts';

const traced = [
  'listMailboxes',
  'listSubscriptions',
  'findMailbox',
  'open',
  'readStatus',
  'readStates',
  'rows',
  'search',
] as const;
const trace: string[] = [];
const storeMethods = Object.fromEntries(
  traced.map((name) => [
    name,
    function (this: MailStore, asked: number | { readonly accountId: number }, ...rest: never[]) {
      const accountId = typeof asked === 'number' ? asked : asked.accountId;
      trace.push(`${name} ${accountId}`);
      return (this[name] as (...args: unknown[]) => unknown)(asked, ...rest);
    },
  ]),
) as Partial<MailStore>;
const { newAccount } = await startImapService(t, { storeMethods });

/** What a search is answered with, and what it asks of the store. */
async function ask(client: ImapClient, command: string): Promise<readonly [string[], string[]]> {
  trace.length = 0;
  const lines = texts(await client.ok(command));
  return [lines.map((text) => text.replace(/TAG "\w+"/, 'TAG')), [...trace]];
}

const [newOwner, newStranger] = [await newAccount(), await newAccount()];
const [owner, stranger] = [await newOwner(), await newStranger()];
await stranger.ok('CREATE own');
await appendMessages(stranger, 'own', 'red');
await stranger.ok('SUBSCRIBE secret');

const searches = [
  'ESEARCH IN (mailboxes secret) RETURN (COUNT ALL) TEXT red',
  'ESEARCH IN (subtree (secret own)) RETURN (COUNT) TEXT red',
  'ESEARCH IN (subtree-one (secret/below secret)) RETURN (MIN) TEXT red',
  'ESEARCH IN (subscribed personal inboxes) RETURN (COUNT) TEXT red',
  'ESEARCH IN (mailboxes (secret own)) RETURN (COUNT) MODSEQ 1',
];

await t.test('mailboxes of another account change no answer, count, or work', async (t) => {
  const before = [];
  for (const search of searches) before.push(await ask(stranger, search));
  for (const name of ['secret', 'secret/below', 'INBOX']) {
    if (name !== 'INBOX') await owner.ok(`CREATE ${name}`);
    await appendMessages(owner, name, ...Array<string>(20).fill('red'));
  }
  for (const [index, search] of searches.entries()) {
    t.same(await ask(stranger, search), before[index], search);
  }
  const [answer, steps] = await ask(owner, searches[0]!);
  t.match(answer, [/ COUNT 20$/], 'the owner finds them');
  const [, stepsOfStranger] = before[0]!;
  t.ok(stepsOfStranger.length < steps.length, 'the trace tells whether a mailbox is read');
});

await t.test(
  'a mailbox that has gone, or has no messages to show, is as if it had never been',
  async (t) => {
    await stranger.ok('CREATE gone');
    await appendMessages(stranger, 'gone', 'red');
    const search = 'ESEARCH IN (mailboxes gone) RETURN (COUNT) TEXT red';
    const [there] = await ask(stranger, search);
    t.equal(there.length, 1);
    await stranger.ok('DELETE gone');
    const gone = await ask(stranger, search);
    t.same(gone, await ask(stranger, search.replace('gone', 'never')));
    await stranger.ok('CREATE level/below');
    await stranger.ok('DELETE level');
    t.same(await ask(stranger, search.replace('gone', 'level')), gone, 'a level without messages');
  },
);
