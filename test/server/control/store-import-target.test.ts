import { createHash } from 'node:crypto';
import t from 'tap';
import { StoreImportTarget } from '../../../server/control/store-import-target.ts';
import type { ImportMessage } from '../../../server/import/import-target.ts';
import type { MailStore } from '../../../store/mail-store.ts';
import type { MessageDraft } from '../../../store/message-draft.ts';

const mailbox = {
  accountId: 1,
  mailboxId: 1,
  name: 'INBOX',
  isSelectable: true,
  hasChildren: false,
  specialUses: [],
};

function message(sizeBytes: number): ImportMessage {
  const bytes = Buffer.alloc(sizeBytes, 'x');
  return {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    sizeBytes,
    flags: [],
    internalDate: { epochMs: 0, zoneMinutes: 0 },
    occurrence: 1,
    async *read() {
      yield bytes;
    },
  };
}

/** A store that needs longer to take a large message than a small one. */
function slowForLarge(added: number[]): Pick<MailStore, 'beginMessage'> {
  return {
    beginMessage: (): MessageDraft => {
      let sizeBytes = 0;
      return {
        write: async (chunk) => {
          sizeBytes += chunk.length;
        },
        addTo: async () => {
          if (sizeBytes > 100_000) await new Promise(setImmediate);
          added.push(sizeBytes);
          return { uid: added.length, uidValidity: 1, modseq: 1 };
        },
        addToEach: async () => [],
        heldBytes: 0,
        seal: async () => undefined,
        discard: async () => undefined,
      };
    },
  };
}

await t.test('a large message does not let the ones behind it pass', async (t) => {
  const added: number[] = [];
  const store = slowForLarge(added) as MailStore;
  const target = new StoreImportTarget(store, mailbox, 1);
  const sizes = [1, 2, 200_000, 3, 300_000, 300_001, 4];
  const outcomes = await target.addMessages(sizes.map(message));
  t.strictSame(added, sizes);
  t.ok(outcomes.every((outcome) => outcome.kind === 'added'));
});

await t.test('a fault ends the import, and every draft is given up', async (t) => {
  let discarded = 0;
  const store = {
    beginMessage: () => ({
      write: async () => {
        throw new Error('disk');
      },
      addTo: async () => t.fail('nothing is added'),
      discard: async () => {
        discarded += 1;
      },
    }),
  } as unknown as MailStore;
  const target = new StoreImportTarget(store, mailbox, 1);
  await t.rejects(target.addMessages([message(1), message(2)]), { message: 'disk' });
  t.equal(discarded, 1, 'the second was never begun');
});
