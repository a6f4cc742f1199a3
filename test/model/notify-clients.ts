import type { ImapClient } from '../fixtures/imap-client.ts';
import { texts } from '../fixtures/imap-service.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';
import { NotifyMirror } from './notify-mirror.ts';

const names = ['a', 'b', 'a/c', 'd', 'd/e'];
const flags = ['\\Seen', '\\Flagged', '\\Deleted', 'keyword'];
const events = 'MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange';
const messageText = Buffer.from('Subject: one\r\n\r\nHello\r\n');

/** Clients of one account: some who change it, and one who is told by NOTIFY. */
export interface NotifyScene {
  readonly login: () => Promise<ImapClient>;
  readonly seed: number;
  readonly stepCount: number;
  /** What the client that is told enables first. */
  readonly enabled?: 'CONDSTORE' | 'QRESYNC';
  /** How it is told of the selected mailbox. */
  readonly filter: 'SELECTED' | 'SELECTED-DELAYED';
}

/**
 * Lets two clients change an account at random, and a third that has asked for all by NOTIFY listen, with commands of its own in
 * between; now and then what the third knows is held against what there is. Returns the first difference, or undefined.
 */
export async function runNotifyScene(scene: NotifyScene): Promise<string | undefined> {
  const random = new SeededRandom(scene.seed);
  const actors = [await scene.login(), await scene.login()];
  const listener = new Listener(await scene.login(), await scene.login(), scene);
  await actors[0]!.command('CREATE a');
  await listener.begin();
  for (let step = 1; step <= scene.stepCount; step++) {
    if (random.chance(0.2)) await listener.act(random);
    else {
      const place = random.below(actors.length);
      // One whose mailbox another has deleted is sent away.
      if (actors[place]!.socket.destroyed) actors[place] = await scene.login();
      await act(actors[place]!, random, listener).catch(expectEnd);
    }
    if (step % 25 > 0 && step < scene.stepCount) continue;
    const difference = await listener.compare();
    if (difference !== undefined) return `seed ${scene.seed}, step ${step}: ${difference}`;
  }
  await Promise.all([...actors, listener.client, listener.checker].map((client) => client.drop()));
  return undefined;
}

function expectEnd(error: unknown): void {
  if (!(error instanceof Error && /closed the connection/.test(error.message))) throw error;
}

/** One change; what is refused changes nothing. */
async function act(actor: ImapClient, random: SeededRandom, listener: Listener): Promise<void> {
  const name = random.pick(['INBOX', ...names]);
  const set = `${1 + random.below(4)}:${1 + random.below(6)}`;
  switch (random.below(14)) {
    case 0:
      return void (await actor.command(`CREATE ${name}`));
    case 1:
      // Else the listener would be sent away.
      if ((await listener.selectedName()) !== name) await actor.command(`DELETE ${name}`);
      return;
    case 2:
      return void (await actor.command(`RENAME ${name} ${random.pick(names)}`));
    case 3:
      return void (await actor.command(`SUBSCRIBE ${name}`));
    case 4:
      return void (await actor.command(`UNSUBSCRIBE ${name}`));
    case 5:
    case 6:
      return void (await actor.command(`APPEND ${name} (${random.pick(flags)})`, messageText));
    case 7:
    case 8:
      return void (await actor.command(`SELECT ${name}`));
    case 9:
      return void (await actor.command(`UID COPY ${set} ${name}`));
    case 10:
      return void (await actor.command(`UID MOVE ${set} ${name}`));
    case 11:
      return void (await actor.command('EXPUNGE'));
    default: {
      const sign = random.pick(['+', '-', '']);
      return void (await actor.command(
        `UID STORE ${set} ${sign}FLAGS.SILENT (${random.pick(flags)})`,
      ));
    }
  }
}

/** The client that is told, and one that looks what there is. */
class Listener {
  readonly client: ImapClient;
  readonly checker: ImapClient;
  readonly mirror = new NotifyMirror();
  readonly #scene: NotifyScene;

  constructor(client: ImapClient, checker: ImapClient, scene: NotifyScene) {
    this.client = client;
    this.checker = checker;
    this.#scene = scene;
  }

  async begin(): Promise<void> {
    const { filter, enabled } = this.#scene;
    if (enabled !== undefined) await this.#say(`ENABLE ${enabled}`);
    const ofSelected = `(${filter} (MessageNew (UID FLAGS) MessageExpunge FlagChange))`;
    for (const line of texts(await this.client.ok('LIST "" * RETURN (SUBSCRIBED)'))) {
      this.mirror.take(line);
    }
    await this.#say(`NOTIFY SET STATUS ${ofSelected} (PERSONAL (${events}))`);
  }

  async act(random: SeededRandom): Promise<void> {
    switch (random.below(6)) {
      case 0:
        return this.#select(random.pick(['INBOX', ...names]));
      case 1:
        if (this.mirror.selected === undefined) return;
        await this.#say('UNSELECT');
        this.mirror.select(undefined);
        return;
      case 2:
        return this.#idle();
      case 3:
        if (this.mirror.messages.length > 0)
          await this.#say(this.#scene.filter === 'SELECTED' ? 'UID FETCH 1:* UID' : 'FETCH 1 UID');
        return;
      case 4:
        return this.#copy(random.pick(names));
      default:
        return this.#say('NOOP');
    }
  }

  /** The present name of the selected mailbox; undefined if there is none. */
  async selectedName(): Promise<string | undefined> {
    if (this.mirror.selected !== undefined) await this.#say('NOOP');
    return this.mirror.selected;
  }

  /** What the client knows and what there is, if the two differ. */
  async compare(): Promise<string | undefined> {
    await this.#say('NOOP');
    const order = this.#items;
    const counters = await this.#readCounters();
    for (const [name, real] of counters) {
      const known = this.mirror.mailboxes.get(name);
      if (known === undefined) return `"${name}" is not known`;
      if (!this.mirror.isTold(name)) continue;
      const [knownText, realText] = [JSON.stringify(known, order), JSON.stringify(real, order)];
      if (knownText !== realText) return `"${name}" is ${realText}, known as ${knownText}`;
    }
    for (const name of this.mirror.mailboxes.keys()) {
      if (!counters.has(name)) return `"${name}" is gone`;
    }
    const subscribed = texts(await this.checker.ok('LIST (SUBSCRIBED) "" *')).map(nameOf);
    const known = [...this.mirror.subscribed];
    if (known.toSorted().join() !== subscribed.toSorted().join()) {
      return `subscribed are ${subscribed.join()}, known as ${known.join()}`;
    }
    return this.#compareMessages();
  }

  async #compareMessages(): Promise<string | undefined> {
    const { selected, messages } = this.mirror;
    if (selected === undefined) return undefined;
    await this.checker.ok(`EXAMINE ${selected}`);
    const real = new NotifyMirror();
    for (let count = 0; count < messages.length; count++) real.take(`* ${count + 1} EXISTS`);
    const fetched = texts(await this.checker.ok('UID FETCH 1:* FLAGS'));
    for (const line of [`* ${fetched.length} EXISTS`, ...fetched]) real.take(line);
    const [realText, known] = [JSON.stringify(real.messages), JSON.stringify(messages)];
    await this.checker.ok('UNSELECT');
    return realText === known ? undefined : `"${selected}" has ${realText}, known as ${known}`;
  }

  /** What it is told of each mailbox. */
  get #items(): string[] {
    const always = ['MESSAGES', 'UIDNEXT', 'UIDVALIDITY', 'UNSEEN'];
    return this.#scene.enabled === undefined ? always : [...always, 'HIGHESTMODSEQ'];
  }

  async #readCounters(): Promise<Map<string, object>> {
    const real = new NotifyMirror();
    const listing = `LIST "" * RETURN (STATUS (${this.#items.join(' ')}))`;
    for (const line of texts(await this.checker.ok(listing))) real.take(line);
    return real.mailboxes;
  }

  async #select(name: string): Promise<void> {
    const { status } = await this.client.command(`SELECT ${name}`).then((result) => {
      const lines = texts(result);
      // What comes before is of the time before the command; without a selected mailbox no flags are told then.
      const isClosed = lines.some((line) => /CLOSED/.test(line));
      const start = lines.findIndex((line) => (isClosed ? /CLOSED/ : /^\* FLAGS/).test(line)) + 1;
      for (const line of lines.slice(0, start)) this.mirror.take(line);
      this.mirror.select(result.status === 'OK' ? name : undefined);
      for (const line of lines.slice(start)) this.mirror.take(line);
      return result;
    });
    if (status === 'OK') await this.#say('UID FETCH 1:* FLAGS');
  }

  async #idle(): Promise<void> {
    const { client } = this;
    client.send('idle IDLE\r\n');
    for (;;) {
      const { text } = await client.read();
      if (text.startsWith('+')) break;
      this.mirror.take(text);
    }
    client.send('DONE\r\n');
    for (const line of texts(await client.readTagged('idle'))) this.mirror.take(line);
  }

  async #copy(name: string): Promise<void> {
    const { messages, selected } = this.mirror;
    if (messages.length === 0 || name === selected) return;
    const result = await this.client.command(`UID COPY 1:* ${name}`);
    for (const line of texts(result)) this.mirror.take(line);
    if (/COPYUID/.test(result.text)) this.mirror.noteUntold(name);
  }

  async #say(command: string): Promise<void> {
    for (const line of texts(await this.client.ok(command))) this.mirror.take(line);
  }
}

function nameOf(line: string): string {
  return / "\/" (\S+)/.exec(line)?.[1] ?? '';
}
