// imapfilter runs a script of its user's: it searches, marks, copies, moves, deletes, appends, and waits for news.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { clientPath, skipWithout } from '../fixtures/clients.ts';
import { alice } from '../fixtures/mail-server.ts';
import { plainMessage } from '../fixtures/plain-message.ts';
import { runProgram } from '../fixtures/run-program.ts';
import { until } from '../fixtures/until.ts';
import {
  refusedCommands,
  startWitnessedServer,
  usedCapabilities,
} from '../fixtures/witnessed-server.ts';

const skip = skipWithout('imapfilter');
const server = await startWitnessedServer(t);

await t.test('imapfilter sorts a mailbox', { skip }, async (t) => {
  const client = await server.login();
  for (const subject of ['keep', 'move', 'copy', 'delete', 'mark']) {
    await client.ok('APPEND INBOX', plainMessage(subject, 400));
  }
  const script = `options.timeout = 20
options.certificates = true
options.create = true
options.subscribe = true
options.expunge = true
account = IMAP {
  server = 'localhost', port = ${server.port}, ssl = 'auto',
  username = '${alice.name}', password = '${alice.password}',
}
account:create_mailbox('Made')
account:subscribe_mailbox('Made')
boxes, folders = account:list_all()
subscribed = account:list_subscribed()
print(#subscribed)
inbox = account.INBOX
inbox:check_status()
print(#inbox:select_all(), #inbox:is_unseen(), #inbox:contain_subject('mo'))
print(#inbox:is_larger(100), #inbox:is_newer(1), #inbox:match_subject('^mark$'))
inbox:contain_subject('mark'):mark_flagged()
inbox:contain_subject('mark'):mark_seen()
inbox:contain_subject('mark'):add_flags({ 'Plan-B' })
inbox:contain_subject('copy'):copy_messages(account.Made)
inbox:contain_subject('move'):move_messages(account.Filed)
inbox:contain_subject('delete'):delete_messages()
for _, message in ipairs(inbox:contain_subject('keep')) do
  mailbox, uid = table.unpack(message)
  text = mailbox[uid]:fetch_message()
  account.Made:append_message(text)
end
print(inbox:enter_idle())
print(#inbox:is_flagged(), #inbox:has_keyword('Plan-B'))
`;
  await writeFile(join(server.directory, 'config.lua'), script);
  const running = runProgram(
    clientPath('imapfilter'),
    [
      '-t',
      server.authorityFile,
      '-c',
      join(server.directory, 'config.lua'),
      '-l',
      join(server.directory, 'errors'),
      '-v',
    ],
    { environment: { HOME: server.directory }, deadlineMs: 30_000 },
  );
  await until(() => server.commandsSoFar().some(({ name }) => name === 'IDLE'));
  await client.ok('APPEND INBOX', plainMessage('news', 400));
  const result = await running;
  t.equal(result.code, 0, result.stderr);
  const printed = result.stdout.toString('latin1').split('\n');
  t.same(
    printed.filter((line) => /^(\d+|[\d\t]+|true\t.*)$/.test(line)),
    ['7', '5\t5\t1', '5\t5\t1', 'true\tEXISTS', '1\t1'],
  );

  const state = await client.ok('STATUS INBOX (MESSAGES)');
  t.match(state.untagged.at(-1)?.text, /MESSAGES 4\b/, 'keep, copy, mark and news');
  t.match((await client.ok('STATUS Made (MESSAGES)')).untagged.at(-1)?.text, /MESSAGES 2\b/);
  t.match((await client.ok('STATUS Filed (MESSAGES)')).untagged.at(-1)?.text, /MESSAGES 1\b/);

  const commands = await server.commands();
  t.same(refusedCommands(commands), [
    'UID COPY 2 "Filed": NO [TRYCREATE] No mailbox of that name, create it first',
  ]);
  const uses = usedCapabilities(commands);
  t.comment(`imapfilter uses ${uses.join(', ')}`);
  for (const name of ['IDLE', 'NAMESPACE', 'LOGIN']) t.ok(uses.includes(name), name);
});
