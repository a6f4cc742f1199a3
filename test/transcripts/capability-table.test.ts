import t from 'tap';
import { compareReadme } from './capability-table.ts';

await t.test('the table of capabilities in the README is up to date', async (t) => {
  const { is, should } = await compareReadme();
  t.equal(is, should, 'if not: npm run capability-table');
});
