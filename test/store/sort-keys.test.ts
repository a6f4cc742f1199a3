import t from 'tap';
import { limits } from '../../store/limits.ts';
import { readSortKeys } from '../../store/sort-keys.ts';

const keysOf = (header: string, sentDay?: number) =>
  readSortKeys(Buffer.from(`${header}\r\n\r\n`, 'latin1'), sentDay);

await t.test('the sent date is an instant, or the day if there is no time', (t) => {
  const sentOf = (date: string, sentDay?: number) => keysOf(`Date: ${date}`, sentDay).sentSeconds;
  t.equal(sentOf('Fri, 1 Mar 2024 10:00:00 +0100'), Date.UTC(2024, 2, 1, 9) / 1000);
  t.equal(sentOf('1 Mar 24 10:00 EST'), Date.UTC(2024, 2, 1, 15) / 1000);
  t.equal(sentOf('1 Mar 1960 00:00:00 GMT'), Date.UTC(1960, 2, 1) / 1000, 'before 1970');
  t.equal(sentOf('1 Mar 2024', 19_783), Date.UTC(2024, 2, 1) / 1000);
  t.equal(sentOf('1 Mar 2024 25:00', 19_783), Date.UTC(2024, 2, 1) / 1000);
  t.equal(sentOf('yesterday'), undefined);
  t.end();
});

await t.test('texts that differ in case or form only are equal', (t) => {
  const subjects = ['Stra\u00dfe', 'STRASSE', 'strasse'].map((text) => {
    const word = `=?utf-8?b?${Buffer.from(text).toString('base64')}?=`;
    return keysOf(`Subject: ${word}`).baseSubject;
  });
  t.equal(new Set(subjects).size, 1, subjects.join());
  const wide = keysOf('Subject: =?utf-8?b?77yh77yi?=').baseSubject;
  t.equal(wide, 'AB', 'full-width letters');
  t.end();
});

await t.test('a long text is equal to itself only', (t) => {
  const long = 'x'.repeat(300);
  const [one, two] = ['a', 'b'].map((end) => keysOf(`Subject: ${long}${end}`).baseSubject);
  t.equal(one, keysOf(`Subject: Re: ${long}A`).baseSubject);
  t.not(one, two);
  t.ok(one!.length <= limits.sortKeyCharacters, `${one!.length}`);
  t.ok(one! > keysOf(`Subject: ${'w'.repeat(300)}`).baseSubject);
  const pairs = keysOf(
    `Subject: =?utf-8?b?${Buffer.from('\u{1f600}'.repeat(90)).toString('base64')}?=`,
  );
  t.ok(pairs.baseSubject.isWellFormed());
  t.end();
});

await t.test('message ids and what a message follows', (t) => {
  const idOf = (value: string) => keysOf(`Message-ID: ${value}`).messageId;
  t.match(idOf('<a@x>'), /^[0-9a-f]{16}$/);
  t.equal(idOf(' <a@x> '), idOf('<"a"@x>'));
  t.not(idOf('<a@x>'), idOf('<A@x>'));
  t.equal(idOf('nothing'), undefined);
  t.equal(idOf('<>'), undefined);
  const followed = (header: string) => keysOf(header).references;
  t.same(followed('References: <a@x> text <b@x>'), [idOf('<a@x>'), idOf('<b@x>')]);
  t.same(followed('References: none\r\nIn-Reply-To: <a@x> <b@x>'), [idOf('<a@x>')]);
  t.same(followed('Message-ID: <a@x>\r\nReferences: <b@x> <a@x>'), [idOf('<b@x>')], 'not itself');
  const many = Array.from({ length: 100 }, (_, index) => `<${index}@x>`);
  const kept = followed(`References: ${many.join(' ')}`);
  t.equal(kept.length, limits.sortKeyReferences);
  t.equal(kept[0], idOf('<0@x>'), 'the root');
  t.same(kept.slice(1), many.slice(101 - limits.sortKeyReferences).map(idOf), 'the nearest');
  t.end();
});

await t.test('addresses: the first of the first field, groups passed over', (t) => {
  const keys = keysOf('To: undisclosed: ;\r\nFrom: "B, A" <b@x> , c@x\r\nFrom: d@x\r\nCc: =?x?q?');
  t.match(keys, { from: 'B', displayFrom: 'B, A', to: '', displayTo: '' });
  t.end();
});
