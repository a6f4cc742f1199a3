// The process that copy-sigkill.test.ts kills: copies many messages in small slices, and says when it has begun and ended.
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { readUids, requireMailbox } from '../fixtures/mail-store-contract/store-steps.ts';

const [dataDirectory = ''] = process.argv.slice(2);
const store = await openSqliteStore({ dataDirectory, slices: { stepMessages: 4, sliceMs: 0 } });
const account = await store.findAccount('alice');
const inbox = await requireMailbox(store, account!.id, 'INBOX');
const archive = await requireMailbox(store, account!.id, 'Archive');
await store.copyMessages(inbox, await readUids(store, inbox), archive);
process.stdout.write('copied\n');
await store.close();
