import t from 'tap';
import { limitsBeforeLogin, maxLiteralCount } from '../../protocol/limits.ts';
import { LiteralBudget } from '../../protocol/literal-budget.ts';

await t.test('LiteralBudget', (t) => {
  const budget = new LiteralBudget();
  const charge = (sizeBytes: number) =>
    budget.charge({ sizeBytes, isSynchronizing: true }, limitsBeforeLogin)?.message;
  t.equal(charge(4096), undefined);
  t.equal(charge(4097), 'Literal is too large');
  budget.reset();
  t.equal(charge(4096), undefined);
  t.equal(charge(4096), undefined);
  t.equal(charge(1), 'Literal is too large');
  budget.reset();
  for (let count = 0; count < maxLiteralCount; count++) t.equal(charge(0), undefined);
  t.equal(charge(0), 'More than 128 literals');
  t.end();
});
