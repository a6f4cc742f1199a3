import t from 'tap';
import { ContextBudget } from '../../../../server/imap/contexts/context-budget.ts';
import type { SearchContext } from '../../../../server/imap/contexts/search-context.ts';
import { SearchContexts } from '../../../../server/imap/contexts/search-contexts.ts';
import {
  maxContextKeys,
  maxContexts,
  maxGrantedCriteriaBytes,
} from '../../../../server/imap/limits.ts';
import type { Responses } from '../../../../server/imap/responses.ts';
import type { Session } from '../../../../server/imap/session.ts';

const maxBytes = 10_000;

/** The contexts of a client of an account. */
function contextsOf(contextBudget: ContextBudget, accountId: number): SearchContexts {
  const session = { view: {}, accountId, context: { contextBudget, clock: () => 0 } };
  return SearchContexts.of(session as unknown as Session);
}

let tagCount = 0;

function contextOf(
  sizeBytes: number,
  { isSorted = false, criteriaBytes = 100, keyCount = 1 } = {},
): SearchContext {
  const search = { tag: `t${++tagCount}`, isUid: true, ...(isSorted && { keys: [] }) };
  const tellChanged = () => Promise.resolve();
  return { search, sizeBytes, criteriaBytes, keyCount, tellChanged } as unknown as SearchContext;
}

await t.test('the contexts of an account share its bytes', (t) => {
  const budget = new ContextBudget(maxBytes);
  const [one, two, other] = [contextsOf(budget, 1), contextsOf(budget, 1), contextsOf(budget, 2)];
  t.ok(one.add(contextOf(6000)));
  t.ok(one.add(contextOf(4000)));
  t.notOk(one.add(contextOf(1)), 'full');
  t.notOk(two.add(contextOf(5000, { isSorted: true })), 'also for another client of it');
  const tooLong = contextOf(5000, { criteriaBytes: maxGrantedCriteriaBytes + 1 });
  t.notOk(two.add(tooLong));
  t.ok(two.add(contextOf(5000)), 'but each may have one that is not sorted (RFC 5267, 4.3.1)');
  t.notOk(two.add(contextOf(1)));
  t.ok(other.add(contextOf(maxBytes, { isSorted: true })), 'nobody else is hurt');
  one.close();
  t.notOk(budget.hasRoom(1, 5001), 'what another still takes');
  two.close();
  t.ok(budget.hasRoom(1, maxBytes));
  t.end();
});

await t.test('what a context grows by counts, and ends it if it is too much', async (t) => {
  const budget = new ContextBudget(maxBytes);
  const [one, two] = [contextsOf(budget, 1), contextsOf(budget, 1)];
  const told: string[] = [];
  const out = { status: (...words: readonly string[]) => told.push(words.at(-1) ?? '') };
  const grow = async (contexts: SearchContexts, context: SearchContext, sizeBytes: number) => {
    Object.assign(context, { sizeBytes });
    await contexts.tellChanged(out as unknown as Responses);
  };
  const [sorted, small, granted] = [contextOf(0, { isSorted: true }), contextOf(0), contextOf(0)];
  t.ok(one.add(sorted) && one.add(small) && two.add(granted));
  await grow(one, sorted, maxBytes);
  t.notOk(budget.hasRoom(1, 1), 'grown');
  await grow(one, sorted, maxBytes - 1);
  t.ok(budget.hasRoom(1, 1), 'and shrunk');
  await grow(two, granted, maxBytes);
  t.same(told, [], 'one that is not sorted goes on');
  await grow(one, small, 2);
  await grow(one, sorted, maxBytes);
  t.same(
    told,
    [small, sorted].map(({ search }) => `NOUPDATE "${search.tag}"`),
  );
  t.equal(one.count, 0);
  t.ok(budget.hasRoom(1, 0), 'what they took is given back');
  two.close();
  t.ok(budget.hasRoom(1, maxBytes));
  t.notOk(budget.hasRoom(1, maxBytes + 1));
});

await t.test('what is cancelled gives its bytes back, once', (t) => {
  const budget = new ContextBudget(maxBytes);
  const contexts = contextsOf(budget, 1);
  const context = contextOf(maxBytes);
  t.ok(contexts.add(context));
  const { tag } = context.search;
  t.equal(contexts.cancel([tag, 'none']), 'none');
  t.ok(contexts.has(tag), 'none was cancelled');
  t.equal(contexts.cancel([tag, tag]), undefined);
  t.ok(budget.hasRoom(1, maxBytes));
  t.notOk(budget.hasRoom(1, maxBytes + 1));
  t.end();
});

await t.test('a client has so many at a time', (t) => {
  const contexts = contextsOf(new ContextBudget(maxBytes), 1);
  for (let index = 0; index < maxContexts; index++) t.ok(contexts.add(contextOf(1)));
  t.notOk(contexts.add(contextOf(1)));
  contexts.close();
  t.ok(contexts.add(contextOf(1, { keyCount: 1024 })));
  t.notOk(contexts.add(contextOf(1, { keyCount: maxContextKeys - 1023 })));
  t.ok(contexts.add(contextOf(1, { keyCount: maxContextKeys - 1024 })), 'and so many keys');
  t.end();
});
