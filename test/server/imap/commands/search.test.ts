import t from 'tap';
import { search } from '../../../../server/imap/commands/search.ts';
import { StoreError } from '../../../../store/mail-store.ts';
import { takeTurn } from '../../../../store/turns.ts';
import { openFeedOf } from '../../../fixtures/fake-mailbox.ts';
import { appendMessages, startImapService, texts } from '../../../fixtures/imap-service.ts';
import { selectedSession } from '../../../fixtures/selected-session.ts';

const { newClient } = await startImapService(t);

await t.test('SEARCH answers with numbers, UID SEARCH with UIDs', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'gone', 'red apple', 'green apple', 'pear');
  await client.ok('SELECT INBOX');
  await client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await client.ok('EXPUNGE');
  t.same(texts(await client.ok('SEARCH SUBJECT APPLE')), ['* SEARCH 1 2']);
  t.same(texts(await client.ok('UID SEARCH SUBJECT apple')), ['* SEARCH 2 3']);
  t.same(texts(await client.ok('UID SEARCH NOT SUBJECT apple')), ['* SEARCH 4']);
  t.same(texts(await client.ok('UID SEARCH OR SUBJECT red SUBJECT pear')), ['* SEARCH 2 4']);
  t.same(texts(await client.ok('SEARCH 2:* SUBJECT apple')), ['* SEARCH 2']);
  t.same(texts(await client.ok('UID SEARCH UID 3:2')), ['* SEARCH 2 3']);
  t.same(texts(await client.ok('SEARCH TEXT "Text of red"')), ['* SEARCH 1']);
  t.same(texts(await client.ok('SEARCH NOT ALL')), ['* SEARCH']);
});

await t.test('SEARCH MODSEQ answers with the highest modseq of what it found', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one', 'two');
  await client.ok('SELECT INBOX');
  const line = texts(await client.ok('SEARCH MODSEQ 1')).at(-1);
  t.match(line, /^\* SEARCH 1 2 \(MODSEQ \d+\)$/);
  const modseq = Number(/MODSEQ (\d+)/.exec(line ?? '')?.[1]);
  t.same(texts(await client.ok(`SEARCH MODSEQ ${modseq + 1}`)), ['* SEARCH']);
});

await t.test('SEARCH RETURN answers with what was asked for', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'gone', 'one', 'two', 'three', 'four');
  await client.ok('SELECT INBOX');
  await client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await client.ok('EXPUNGE');
  await client.ok('STORE 1:2,4 +FLAGS.SILENT (\\Flagged)');
  const answer = async (command: string) =>
    texts(await client.ok(command)).map((text) => text.replace(/\(TAG "\w+"\)/, '(TAG)'));
  for (const [options, numbers, uids] of [
    ['', ' ALL 1:2,4', ' ALL 2:3,5'],
    ['ALL', ' ALL 1:2,4', ' ALL 2:3,5'],
    ['MIN', ' MIN 1', ' MIN 2'],
    ['MAX', ' MAX 4', ' MAX 5'],
    ['COUNT', ' COUNT 3', ' COUNT 3'],
    ['COUNT MAX ALL MIN', ' MIN 1 MAX 4 ALL 1:2,4 COUNT 3', ' MIN 2 MAX 5 ALL 2:3,5 COUNT 3'],
  ]) {
    const search = `SEARCH RETURN (${options}) FLAGGED`;
    t.same(await answer(search), [`* ESEARCH (TAG)${numbers}`], search);
    t.same(await answer(`UID ${search}`), [`* ESEARCH (TAG) UID${uids}`], `UID ${search}`);
  }
  t.same(await answer('SEARCH RETURN (MIN MAX ALL) DELETED'), ['* ESEARCH (TAG)'], 'no match');
  t.same(await answer('UID SEARCH RETURN (MIN COUNT) DELETED'), ['* ESEARCH (TAG) UID COUNT 0']);
  client.send('x]y SEARCH RETURN (MIN) ALL\r\n');
  t.same(texts(await client.readTagged('x]y')), ['* ESEARCH (TAG "x]y") MIN 1']);
});

await t.test('the MODSEQ of an ESEARCH is that of the messages that it has', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one', 'two', 'three');
  await client.ok('SELECT INBOX (CONDSTORE)');
  for (const number of [3, 1, 2]) await client.ok(`STORE ${number} +FLAGS.SILENT (\\Flagged)`);
  const lines = texts(await client.ok('FETCH 1:3 (MODSEQ)'));
  const [first, second, third] = lines.map((line) => Number(/MODSEQ \((\d+)/.exec(line)?.[1]));
  t.ok(third! < first! && first! < second!);
  for (const [options, modseq] of [
    ['MIN', first],
    ['MAX', third],
    ['MIN MAX', first],
    ['MIN COUNT', second],
    ['MIN ALL', second],
    ['', second],
  ] as const) {
    const [line] = texts(await client.ok(`SEARCH RETURN (${options}) MODSEQ 1`));
    t.equal(line?.replace(/.* MODSEQ /, ''), String(modseq), options);
  }
  const none = texts(await client.ok(`SEARCH RETURN (ALL COUNT) MODSEQ ${second! + 1}`));
  t.match(none, [/^\* ESEARCH \(TAG "\w+"\) COUNT 0$/], 'none if nothing matches');
});

await t.test('every command that takes messages takes those that were saved', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one', 'two', 'three', 'four');
  await client.ok('CREATE other');
  await client.ok('SELECT INBOX');
  t.same(texts(await client.ok('FETCH $ UID')), [], 'nothing is saved at first');
  t.same(texts(await client.ok('SEARCH RETURN (SAVE) OR SUBJECT one SUBJECT three')), []);
  t.same(texts(await client.ok('UID FETCH $ UID')), ['* 1 FETCH (UID 1)', '* 3 FETCH (UID 3)']);
  t.match((await client.ok('COPY $ other')).text, /^\[COPYUID \d+ 1,3 1:2\]/);
  await client.ok('UID STORE $ +FLAGS.SILENT (\\Deleted)');
  t.same(texts(await client.ok('SEARCH DELETED')), ['* SEARCH 1 3']);
  t.same(texts(await client.ok('SEARCH OR $ SUBJECT four NOT SUBJECT one')), ['* SEARCH 3 4']);
  t.same(texts(await client.ok('SEARCH RETURN (SAVE) $ SUBJECT one')), [], 'of those before');
  t.same(texts(await client.ok('UID EXPUNGE $')), ['* 1 EXPUNGE']);
  t.same(texts(await client.ok('SEARCH $')), ['* SEARCH']);
  for (const command of [
    'STORE $ FLAGS (x)',
    'COPY $ other',
    'UID MOVE $ other',
    'UID EXPUNGE $',
  ]) {
    t.same(texts(await client.ok(command)), [], `${command} of nothing`);
  }
  await client.ok('SEARCH RETURN (SAVE) SUBJECT three');
  await client.ok('MOVE $ other');
  t.same(texts(await client.ok('UID SEARCH ALL')), ['* SEARCH 2 4']);
});

await t.test(
  'what was saved goes with another SELECT, and with a search that is refused',
  async (t) => {
    const client = await newClient();
    await appendMessages(client, 'INBOX', 'one', 'two');
    await client.ok('SELECT INBOX');
    const saved = async () => texts(await client.ok('SEARCH $'));
    await client.ok('SEARCH RETURN (SAVE) 2');
    await client.ok('SEARCH RETURN (COUNT) 1');
    await client.ok('SEARCH ALL');
    t.match(await client.command('SEARCH RETURN (SAVE) NONSENSE'), { status: 'BAD' });
    t.match(await client.command('SEARCH CHARSET X-NONE ALL'), { status: 'NO' });
    t.same(await saved(), ['* SEARCH 2'], 'none of these changes it');
    t.match(await client.command('SEARCH RETURN (SAVE) CHARSET X-NONE ALL'), { status: 'NO' });
    t.same(await saved(), ['* SEARCH']);
    for (const leave of ['SELECT INBOX', 'EXAMINE INBOX', 'UNSELECT']) {
      await client.ok('SEARCH RETURN (SAVE) 2');
      t.same(await saved(), ['* SEARCH 2']);
      await client.ok(leave);
      if (leave === 'UNSELECT') await client.ok('SELECT INBOX');
      t.same(await saved(), ['* SEARCH'], leave);
    }
  },
);

await t.test('what is saved of MIN, MAX, ALL and COUNT', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one', 'two', 'three', 'four');
  await client.ok('SELECT INBOX');
  for (const [options, saved] of [
    ['SAVE', '2 3 4'],
    ['SAVE MIN', '2'],
    ['MAX SAVE', '4'],
    ['SAVE MIN MAX', '2 4'],
    ['SAVE ALL MIN', '2 3 4'],
    ['COUNT SAVE MAX', '2 3 4'],
  ] as const) {
    await client.ok(`SEARCH RETURN (${options}) 2:*`);
    t.same(texts(await client.ok('SEARCH $')), [`* SEARCH ${saved}`], options);
  }
  await client.ok('SEARCH RETURN (SAVE MIN) DELETED');
  t.same(texts(await client.ok('SEARCH $')), ['* SEARCH'], 'nothing was found');
});

await t.test('PARTIAL, and what is saved of it', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'gone', 'one', 'two', 'three', 'four', 'five');
  await client.ok('SELECT INBOX');
  await client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await client.ok('EXPUNGE');
  for (const [options, answer, saved] of [
    ['PARTIAL 1:2', 'PARTIAL (1:2 1:2)', '1 2'],
    ['PARTIAL 2:1', 'PARTIAL (2:1 1:2)', '1 2'],
    ['PARTIAL 4:9', 'PARTIAL (4:9 4:5)', '4 5'],
    ['PARTIAL 6:9', 'PARTIAL (6:9 NIL)', ''],
    ['PARTIAL -1:-2', 'PARTIAL (-1:-2 4:5)', '4 5'],
    ['PARTIAL -5:-9', 'PARTIAL (-5:-9 1)', '1'],
    ['PARTIAL -6:-9', 'PARTIAL (-6:-9 NIL)', ''],
    ['PARTIAL 2:3 MIN', 'MIN 1 PARTIAL (2:3 2:3)', '1 2 3'],
    ['PARTIAL 2:3 MAX', 'MAX 5 PARTIAL (2:3 2:3)', '2 3 5'],
    ['PARTIAL 1:3 MIN MAX', 'MIN 1 MAX 5 PARTIAL (1:3 1:3)', '1 2 3 5'],
    ['PARTIAL 9:9 MIN MAX', 'MIN 1 MAX 5 PARTIAL (9:9 NIL)', '1 5'],
    ['PARTIAL 2:3 MIN COUNT', 'MIN 1 PARTIAL (2:3 2:3) COUNT 5', '1 2 3 4 5'],
  ] as const) {
    const [line] = texts(await client.ok(`SEARCH RETURN (SAVE ${options}) ALL`));
    t.equal(line?.replace(/^\* ESEARCH \(TAG "\w+"\) /, ''), answer, options);
    const found = saved === '' ? '' : ` ${saved}`;
    t.same(texts(await client.ok('SEARCH $')), [`* SEARCH${found}`], options);
  }
  const [line] = texts(await client.ok('UID SEARCH RETURN (PARTIAL -1:-2) NOT SUBJECT four'));
  t.match(line, / UID PARTIAL \(-1:-2 4,6\)$/);
});

await t.test('a search that fails in the store leaves nothing saved', async (t) => {
  const { newClient: newFailing } = await startImapService(t, {
    storeMethods: { search: async () => Promise.reject(new StoreError('UNAVAILABLE', 'Broken')) },
  });
  const client = await newFailing();
  await appendMessages(client, 'INBOX', 'one');
  await client.ok('SELECT INBOX');
  await client.ok('SEARCH RETURN (SAVE) ALL');
  t.match(await client.command('SEARCH BODY x'), { status: 'NO' });
  t.same(texts(await client.ok('SEARCH $')), ['* SEARCH 1'], 'this one was not to be saved');
  t.match(await client.command('SEARCH RETURN (SAVE) BODY x'), { status: 'NO' });
  t.same(texts(await client.ok('SEARCH $')), ['* SEARCH']);
});

await t.test('pipelined commands take what was saved just before', async (t) => {
  const client = await newClient();
  await appendMessages(client, 'INBOX', 'one', 'two', 'three');
  await client.ok('CREATE other');
  await client.ok('SELECT INBOX');
  client.send(
    [
      'a SEARCH RETURN (SAVE) SUBJECT t',
      'b COPY $ other',
      'c STORE $ +FLAGS.SILENT (\\Deleted)',
      'd SEARCH RETURN (SAVE) SUBJECT one',
      'e EXPUNGE',
      'f UID FETCH $ UID',
      '',
    ].join('\r\n'),
  );
  const answers = await client.readTagged('f');
  t.same(
    texts(answers).filter((text) => text.startsWith('* ')),
    ['* 2 EXPUNGE', '* 2 EXPUNGE', '* 1 FETCH (UID 1)'],
  );
  t.same(texts(await client.ok('STATUS other (MESSAGES)')), ['* STATUS other (MESSAGES 2)']);
});

await t.test('the numbers of a large answer are one set, between which others run', async (t) => {
  const { session, lines } = selectedSession(await openFeedOf(20_000));
  const command = {
    name: 'SEARCH',
    isUid: false,
    criteria: { key: 'all' },
    returned: { items: new Set(['ALL'] as const) },
  } as const;
  const ends: string[] = [];
  const searched = search(session, command, { tag: 'a', isWaiting: false }).then(() =>
    ends.push('search'),
  );
  await takeTurn().then(() => ends.push('another'));
  await searched;
  t.same(ends, ['another', 'search']);
  session.out.flush();
  t.same(lines(), ['* ESEARCH (TAG "a") ALL 1:20000']);
});

await t.test('an unknown charset is refused with the ones that are known', async (t) => {
  const client = await newClient();
  await client.ok('SELECT INBOX');
  const refused = await client.command('SEARCH CHARSET X-NONE SUBJECT x');
  t.match(refused, { status: 'NO', text: /^\[BADCHARSET \(/ });
});

await t.test('a search that finds nothing lets others run all the same', async (t) => {
  const { session, lines } = selectedSession(await openFeedOf(100_000));
  const ends: string[] = [];
  const criteria = { key: 'flag', flag: '\\Seen' } as const;
  const command = { name: 'SEARCH', isUid: true, criteria } as const;
  const searched = search(session, command, {} as never).then(() => ends.push('search'));
  await takeTurn().then(() => ends.push('another'));
  await searched;
  t.same(ends, ['another', 'search']);
  session.out.flush();
  t.same(lines(), ['* SEARCH']);
});
