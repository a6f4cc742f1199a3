import t from 'tap';
import { findSystemFlag, systemFlags } from '../../protocol/flag.ts';

await t.test('findSystemFlag', (t) => {
  for (const flag of systemFlags) t.equal(findSystemFlag(flag.toUpperCase()), flag);
  for (const text of ['\\Recent', 'Seen', '\\', '', '\\Foo']) {
    t.equal(findSystemFlag(text), undefined, text);
  }
  t.end();
});
