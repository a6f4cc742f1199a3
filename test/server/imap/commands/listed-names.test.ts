import t from 'tap';
import { findListedNames, ListTurns } from '../../../../server/imap/commands/listed-names.ts';
import { Responses } from '../../../../server/imap/responses.ts';
import type { Mailbox } from '../../../../store/mail-store.ts';
import { countTurns } from '../../../fixtures/count-turns.ts';

const sink = {
  isFull: false,
  write: () => {},
  drained: () => Promise.resolve(),
  destroy: () => {},
} as unknown as ConstructorParameters<typeof Responses>[0];

const mailboxes: readonly Mailbox[] = Array.from({ length: 10_000 }, (_, index) => ({
  accountId: 1,
  mailboxId: index + 1,
  name: `Mail/year/project ${index}`,
  isSelectable: true,
  hasChildren: false,
  specialUses: [],
}));

async function countListed(patterns: readonly string[]): Promise<{ count: number; turns: number }> {
  const turns = countTurns();
  let count = 0;
  const question = { patterns, selected: new Set<never>() };
  const listing = findListedNames({ mailboxes }, question, new ListTurns(new Responses(sink, 1)));
  for await (const _ of listing) count += 1;
  return { count, turns: turns.stop() };
}

await t.test('others have their turn while many names are compared', async (t) => {
  const one = await countListed(['Mail/*']);
  t.equal(one.count, mailboxes.length);
  t.ok(one.turns >= 5, `${one.turns} turns`);
  const many = await countListed(Array.from({ length: 64 }, (_, index) => `*no*${index}*`));
  t.equal(many.count, 0);
  t.ok(many.turns > 20 * one.turns, `${many.turns} turns, more for more work`);
});
