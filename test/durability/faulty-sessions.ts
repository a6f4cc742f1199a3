// The program of a process with a server whose disk fails at each of the calls that a client's command makes. It throws if
// a client that believes what it is told does not know the mailbox as one does that reads it anew.
import assert from 'node:assert/strict';
import { parseSequenceSet } from '../../protocol/sequence-set.ts';
import { FaultControl } from '../fixtures/disk-faults/fault-control.ts';
import type { CommandResult, ImapClient } from '../fixtures/imap-client.ts';
import {
  appendMessages,
  startImapService,
  type TestService,
  texts,
} from '../fixtures/imap-service.ts';

/** Messages in INBOX; a slice has two. */
const messageCount = 7;
const slices = { stepMessages: 2, sliceMs: 0 };

const commands = [
  'STORE 1:* +FLAGS (\\Flagged)',
  'UID STORE 1:* +FLAGS.SILENT (\\Flagged)',
  'MOVE 1:* Archive',
  'UID MOVE 1:* Archive',
  'EXPUNGE',
  'UID EXPUNGE 1:*',
  'CLOSE',
] as const;

/** What a client knows of a mailbox by what it was told: the UID and the flags of each message, by its number. */
class KnownMailbox {
  readonly client: ImapClient;
  messages: { uid: string; flags: string }[] = [];

  constructor(client: ImapClient) {
    this.client = client;
  }

  /** Reads it anew. */
  async read(): Promise<void> {
    this.messages = [];
    this.take(await this.client.ok('FETCH 1:* (UID FLAGS)'));
  }

  take(result: CommandResult): void {
    for (const text of texts(result)) {
      const expunged = /^\* (\d+) EXPUNGE$/.exec(text)?.[1];
      if (expunged !== undefined) this.messages.splice(Number(expunged) - 1, 1);
      const [, number, told] = /^\* (\d+) FETCH (.*)$/.exec(text) ?? [];
      if (number === undefined) continue;
      const uid = /UID (\d+)/.exec(told!)?.[1] ?? this.messages[Number(number) - 1]!.uid;
      this.messages[Number(number) - 1] = { uid, flags: /FLAGS \(.*?\)/.exec(told!)![0] };
    }
  }

  assumeFlagged(): void {
    for (const message of this.messages) message.flags = 'FLAGS (\\Flagged \\Deleted)';
  }
}

async function openInbox(client: ImapClient): Promise<KnownMailbox> {
  const known = new KnownMailbox(client);
  await client.ok('SELECT INBOX');
  await known.read();
  return known;
}

/** Commands that were done in part. */
let partCount = 0;

/** False once the command makes no call that fails. */
async function runRound(
  { newAccount }: TestService,
  control: FaultControl,
  { command, kind, passing }: { command: string; kind: 'sync' | 'write'; passing: number },
): Promise<boolean> {
  const login = await newAccount();
  const first = await login();
  await appendMessages(first, 'INBOX', ...Array.from({ length: messageCount }, String));
  await first.ok('SELECT INBOX');
  await first.ok('STORE 1:* FLAGS.SILENT (\\Deleted)');
  const [own, other] = [await openInbox(await login()), await openInbox(await login())];
  const uids = own.messages.map(({ uid }) => Number(uid));
  const failedBefore = control.failedCount;
  control.fail('EIO', { passing, kinds: [kind] });
  const answer = await own.client.command(command);
  const hasFailed = control.failedCount > failedBefore;
  control.mend();
  own.take(answer);
  if (answer.status === 'OK' && command.includes('SILENT')) own.assumeFlagged();
  if (answer.status !== 'OK') assert.match(answer.text, /^\[UNAVAILABLE\]/);
  if (answer.status === 'OK' && command === 'CLOSE') own.messages = [];
  const truth = await openInbox(first);
  assert.deepEqual(own.messages, truth.messages, `${command} ${passing}: ${answer.text}`);
  other.take(await other.client.ok('NOOP'));
  assert.deepEqual(other.messages, truth.messages, `${command} ${passing}, told to others`);
  const goneUids = uids.filter((uid) => !truth.messages.some((each) => Number(each.uid) === uid));
  if (command.includes('MOVE')) await expectMoved(own.client, answer, goneUids);
  const isFlagged = truth.messages.some(({ flags }) => flags.includes('Flagged'));
  if (answer.status === 'NO' && (goneUids.length > 0 || isFlagged)) partCount++;
  for (const { client } of [own, other, { client: first }]) await client.drop();
  return hasFailed;
}

/** The client is told where each message went, and no other. */
async function expectMoved(
  client: ImapClient,
  answer: CommandResult,
  goneUids: readonly number[],
): Promise<void> {
  const [, sources, targets] = /COPYUID \d+ (\S+) (\S+)\]/.exec(texts(answer).join('\n')) ?? [];
  assert.deepEqual(uidsOf(sources), goneUids);
  assert.equal(uidsOf(targets).length, goneUids.length);
  assert.match(
    texts(await client.ok('STATUS Archive (MESSAGES)')).join(),
    new RegExp(`MESSAGES ${goneUids.length}\\)`),
  );
}

function uidsOf(set: string | undefined): number[] {
  const ranges = set === undefined ? [] : parseSequenceSet(set)!;
  return ranges.flatMap(({ first, last }) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
}

async function run(controlPath: string): Promise<void> {
  const control = new FaultControl(controlPath);
  const ends: (() => unknown)[] = [];
  const service = await startImapService({ teardown: (end) => void ends.push(end) }, { slices });
  let roundCount = 0;
  for (const command of commands) {
    for (const [kind, stride] of [
      ['sync', 1],
      ['write', 11],
    ] as const) {
      // Ends: a command makes a bounded number of calls.
      for (let passing = 0; ; passing += stride) {
        if (!(await runRound(service, control, { command, kind, passing }))) break;
        roundCount++;
      }
    }
  }
  for (const end of ends) await end();
  console.log(`${roundCount} ${partCount}`);
}

if (process.argv[1] === import.meta.filename) await run(process.env['DISK_FAULTS_CONTROL']!);
