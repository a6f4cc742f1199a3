import t from 'tap';
import { startImapService, texts } from '../../../fixtures/imap-service.ts';

const { connect, newClient, login } = await startImapService(t, {
  accountCapabilitiesOff: new Map([['bob', ['LANGUAGE']]]),
});

await t.test('the first range that means a language counts, by its subtags', async (t) => {
  const client = await newClient();
  for (const [ranges, told] of [
    ['en', 'en'],
    ['EN', 'en'],
    ['fr-CA en-CA', 'en'],
    ['"en-Latn-GB"', 'en'],
    ['I-DEFAULT', 'i-default'],
    ['i-default-x', 'i-default'],
    ['"default"', 'i-default'],
    ['mul DEFAULT en', 'i-default'],
    ['{2+}\r\nen', 'en'],
  ] as const) {
    client.send(`a LANGUAGE ${ranges}\r\n`);
    t.equal((await client.read()).text, `* LANGUAGE (${told})`, ranges);
    t.match(await client.read(), { text: /^a OK / });
  }
});

await t.test('no language that is not spoken', async (t) => {
  const client = await newClient();
  for (const ranges of ['mul', 'fr de', 'english', 'i', 'default-x', '""', '"-"']) {
    const result = await client.command(`LANGUAGE ${ranges}`);
    t.match(result, { status: 'NO', untagged: [] }, ranges);
  }
});

await t.test('without a range: which there are, before login, too', async (t) => {
  for (const client of [await connect(), await connect('plain'), await newClient()]) {
    t.same(texts(await client.ok('LANGUAGE')), ['* LANGUAGE (en i-default)']);
  }
});

await t.test('what is no LANGUAGE', async (t) => {
  const client = await newClient();
  const many = (count: number) => Array(count).fill('fr').join(' ');
  t.match(await client.command(`LANGUAGE ${many(32)}`), { status: 'NO' });
  for (const ranges of [many(33), '(en)', ' en', '*']) {
    t.match(await client.command(`LANGUAGE ${ranges}`), { status: 'BAD' }, ranges);
  }
  t.match(await (await login('bob')).command('LANGUAGE'), { status: 'BAD' }, 'where it is off');
});
