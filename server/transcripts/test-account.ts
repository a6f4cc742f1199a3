import { argument, capabilityWords, type CommandClient } from './command-client.ts';
import type { DeclaredMessage, Scenario } from './transcript.ts';
import { TranscriptRunError } from './transcript-error.ts';
import { formatValue, type WireValue } from './wire-value.ts';

/** A mailbox as LIST tells it. */
interface ListedMailbox {
  readonly name: string;
  readonly isSelectable: boolean;
  readonly hasSpecialUse: boolean;
}

const specialUses = new Set([
  '\\all',
  '\\archive',
  '\\drafts',
  '\\flagged',
  '\\important',
  '\\junk',
  '\\sent',
  '\\trash',
]);

/**
 * The account that scenarios are run on: what it had at its beginning, so that each scenario finds it so. It must be
 * without mail then, so that what is removed later can only be what a scenario has put there.
 */
export class TestAccount {
  #mailboxes: ReadonlySet<string> | undefined;
  #subscribed: ReadonlySet<string> = new Set();
  #isFirst = true;

  /**
   * Before a scenario: the first time it looks what there is, later it takes away what has come since then.
   *
   * @param isWiped - true if all mail and all mailboxes without a special use are to be removed at first
   * @throws TranscriptRunError if there is mail that nobody allowed it to remove
   */
  async reset(client: CommandClient, isWiped: boolean): Promise<void> {
    if (this.#mailboxes === undefined) await this.#begin(client, isWiped);
    if (this.#isFirst && !isWiped) {
      this.#isFirst = false;
      return;
    }
    await this.restore(client);
  }

  /** True once it is known what there was, and so what may be taken away. */
  get isInUse(): boolean {
    return this.#mailboxes !== undefined;
  }

  async #begin(client: CommandClient, isWiped: boolean): Promise<void> {
    const listed = await list(client);
    if (isWiped) {
      const kept = listed.filter(({ name, hasSpecialUse }) => hasSpecialUse || isInbox(name));
      this.#mailboxes = new Set(kept.map(({ name }) => name));
      this.#subscribed = this.#mailboxes;
      return;
    }
    for (const mailbox of listed) {
      const count = await countMessages(client, mailbox);
      if (count > 0) {
        throw new TranscriptRunError(
          `Cannot use this account: "${mailbox.name}" has mail (messages: ${count}). Give an account without mail, or allow to remove all that it has (--wipe)`,
        );
      }
    }
    this.#mailboxes = new Set(listed.map(({ name }) => name));
    this.#subscribed = await listSubscribed(client);
  }

  /** Takes away the mail, mailboxes and subscriptions that have come, and makes the mailboxes that have gone. */
  async restore(client: CommandClient): Promise<void> {
    const wanted = this.#mailboxes ?? new Set();
    const listed = await list(client);
    const extra = listed.filter(({ name }) => !wanted.has(name) && !isInbox(name));
    // Children before their parents.
    for (const { name } of extra.toSorted((a, b) => b.name.length - a.name.length)) {
      await client.command(...withNames('DELETE', name));
    }
    const present = new Set(listed.map(({ name }) => name));
    for (const name of wanted) {
      if (!present.has(name)) await client.expectOk(...withNames('CREATE', name));
    }
    for (const mailbox of listed) {
      if (wanted.has(mailbox.name) && (await countMessages(client, mailbox)) > 0) {
        await empty(client, mailbox.name);
      }
    }
    const subscribed = await listSubscribed(client);
    for (const name of subscribed) {
      if (!this.#subscribed.has(name)) await client.command(...withNames('UNSUBSCRIBE', name));
    }
    for (const name of this.#subscribed) {
      if (!subscribed.has(name)) await client.command(...withNames('SUBSCRIBE', name));
    }
  }
}

/** Makes the mailboxes and messages that a scenario declares. @throws TranscriptRunError */
export async function prepareScenario(client: CommandClient, scenario: Scenario): Promise<void> {
  for (const name of scenario.mailboxes)
    await client.expectOk(...withNames('CREATE', toBytes(name)));
  let number = 0;
  for (const message of scenario.messages) {
    for (let count = 0; count < message.count; count += 1) {
      number += 1;
      await append(client, message, number);
    }
  }
}

async function append(
  client: CommandClient,
  { mailbox, flags, internalDate, text }: DeclaredMessage,
  number: number,
): Promise<void> {
  const name = argument(toBytes(mailbox));
  const date = internalDate === undefined ? '' : ` "${internalDate}"`;
  const list = flags === '' ? '' : ` (${flags})`;
  await client.expectOk(
    `APPEND ${name.text}${list}${date} {}`,
    ...name.literals,
    text ?? smallMessage(number),
  );
}

function smallMessage(number: number): string {
  return [
    'Date: Mon, 1 Jan 2024 12:00:00 +0000',
    'From: Fred Foobar <fred@example.com>',
    'To: Mooch <mooch@example.com>',
    `Subject: Message ${number}`,
    `Message-ID: <message-${number}@example.com>`,
    '',
    `This is message ${number}.`,
    '',
  ].join('\r\n');
}

/** Logs in. @throws TranscriptRunError that does not have the password */
export async function logIn(
  client: CommandClient,
  { user, password }: { readonly user: string; readonly password: string },
): Promise<void> {
  const name = argument(toBytes(user));
  const secret = argument(toBytes(password));
  await client.expectOk(`LOGIN ${name.text} ${secret.text}`, ...name.literals, ...secret.literals);
}

/** The capabilities as the server lists them now, in capitals; one with a number (`APPENDLIMIT=1000`) also without. */
export async function askCapabilities(client: CommandClient): Promise<string[]> {
  const { data } = await client.expectOk('CAPABILITY');
  const response = data.find(
    ([first]) => first !== undefined && formatValue(first) === 'CAPABILITY',
  );
  const names = capabilityWords(response ?? []);
  return [...names, ...names.map((name) => name.replace(/=\d+$/, ''))];
}

async function list(client: CommandClient): Promise<ListedMailbox[]> {
  const { data } = await client.expectOk('LIST "" "*"');
  return named(data, 'LIST').map(([, attributes, , name]) => {
    const words = (attributes?.type === 'list' ? attributes.values : []).map((value) =>
      formatValue(value).toLowerCase(),
    );
    return {
      name: textOf(name),
      isSelectable: !words.includes('\\noselect') && !words.includes('\\nonexistent'),
      hasSpecialUse: words.some((word) => specialUses.has(word)),
    };
  });
}

/** The subscribed names; none if the server has no LSUB (IMAP4rev2 alone). */
async function listSubscribed(client: CommandClient): Promise<ReadonlySet<string>> {
  const { data } = await client.command('LSUB "" "*"');
  return new Set(named(data, 'LSUB').map(([, , , name]) => textOf(name)));
}

async function countMessages(client: CommandClient, mailbox: ListedMailbox): Promise<number> {
  if (!mailbox.isSelectable) return 0;
  const { text, literals } = argument(mailbox.name);
  const { data } = await client.command(`STATUS ${text} (MESSAGES)`, ...literals);
  const items = named(data, 'STATUS')[0]?.[2];
  return items?.type === 'list' ? Number(textOf(items.values[1])) : 0;
}

async function empty(client: CommandClient, name: string): Promise<void> {
  await client.expectOk(...withNames('SELECT', name));
  await client.expectOk('STORE 1:* +FLAGS.SILENT (\\Deleted)');
  await client.expectOk('CLOSE');
}

function withNames(command: string, name: string): [string, ...string[]] {
  const { text, literals } = argument(name);
  return [`${command} ${text}`, ...literals];
}

function named(data: readonly (readonly WireValue[])[], name: string) {
  return data.filter(([first]) => first?.type === 'atom' && first.text === name);
}

function textOf(value: WireValue | undefined): string {
  return value === undefined || value.type === 'list' ? '' : value.text;
}

function isInbox(name: string): boolean {
  return name.toUpperCase() === 'INBOX';
}

function toBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
