import t from 'tap';
import { startImapService } from '../../fixtures/imap-service.ts';

const { login } = await startImapService(t);

await t.test('no name that a client invents breaks a response', async (t) => {
  const client = await login();
  // U+010D U+010A end in the bytes of CR and LF
  for (const command of [
    'DELETE "&AQ0BCg-* 9 EXISTS"',
    'RENAME "&AQ0BCg-* 9 EXISTS" b',
    'SELECT "&AQ0BCg-* 9 EXISTS"',
    'STATUS "&AQ0BCg-* 9 EXISTS" (MESSAGES)',
  ]) {
    const { status, untagged, text } = await client.command(command);
    t.same({ status, untagged }, { status: 'NO', untagged: [] }, command);
    t.match(text, /^\[NONEXISTENT\] [ -~]+$/, command);
  }
  await client.ok('CREATE "&AQ0BCg-* 9 EXISTS"');
  const { untagged } = await client.ok('LIST "" "&AQ0BCg-*"');
  t.same(
    untagged.map(({ text }) => text),
    ['* LIST (\\HasNoChildren) "/" "&AQ0BCg-* 9 EXISTS"'],
  );
});
