import type { SearchKey } from '../../protocol/search-key.ts';
import { StoreError } from '../mail-store.ts';
import { type Condition, verdicts } from './condition.ts';
import { judgeInSteps, makeCondition } from './conditions.ts';
import { MessageText } from './message-text.ts';
import { Pacer } from './pacer.ts';
import { Relevancies } from '../relevancies.ts';
import type { SearchedContent, SearchRows, SearchSource } from './search-source.ts';

/**
 * Walks through the candidates batch by batch: what the rows decide first, then the texts of the messages that are
 * still open. Memory does not grow with the messages; others run between messages and within large ones.
 *
 * @see MailStore.search
 */
export async function searchMessages(
  source: SearchSource,
  criteria: SearchKey,
  candidates: Uint32Array,
  relevancies = new Relevancies(),
): Promise<Uint32Array> {
  const condition = makeCondition(criteria, await source.readLargestUid(), {
    ranges: new Map(),
    relevancies,
  });
  const search = { source, condition, pacer: new Pacer() };
  const found: number[] = [];
  for await (const rows of source.readRows(candidates, new Set(condition.columns))) {
    const column = await judgeRows(search, rows);
    if (column.includes(verdicts.open)) await judgeTexts(search, rows, column);
    for (let index = 0; index < column.length; index++) {
      if (column[index] === verdicts.yes) found.push(rows.uids[index]!);
    }
    if (search.pacer.isDue) await search.pacer.pause();
  }
  return Uint32Array.from(found);
}

/** What the parts of one search share. */
interface Search {
  readonly source: SearchSource;
  readonly condition: Condition;
  readonly pacer: Pacer;
}

/** What the rows of a batch decide; others run between the keys. */
async function judgeRows({ condition, pacer }: Search, rows: SearchRows): Promise<Uint8Array> {
  const steps = judgeInSteps(condition, rows);
  let step = steps.next();
  while (step.done !== true) {
    if (pacer.isDue) await pacer.pause();
    step = steps.next();
  }
  return step.value;
}

/** Decides the rows that are open; those of messages that are gone match nothing any more. */
async function judgeTexts(search: Search, rows: SearchRows, column: Uint8Array): Promise<void> {
  const open: number[] = [];
  for (let index = 0; index < column.length; index++) {
    if (column[index] === verdicts.open) open.push(index);
  }
  const bodyIds = Float64Array.from(open, (index) => rows.bodyIds[index]!);
  const { source, condition, pacer } = search;
  let place = 0;
  for await (const contents of source.readContents(bodyIds, condition.extent ?? 'message')) {
    for (const content of contents) {
      while (place < open.length && bodyIds[place] !== content.bodyId) place++;
      const index = open[place++]!;
      const verdict = judgeText(search, index, content);
      const isMatch = typeof verdict === 'boolean' ? verdict : await verdict;
      if (isMatch) column[index] = verdicts.yes;
      if (pacer.isDue) await pacer.pause();
    }
  }
}

function judgeText(
  { source, condition, pacer }: Search,
  index: number,
  content: SearchedContent,
): boolean | Promise<boolean> {
  const verdict = condition.judgeText(index, new MessageText(source, content, pacer));
  return typeof verdict === 'boolean' ? verdict : verdict.catch(refuseUnlessGone);
}

/** Expunged and collected since its row was read. */
function refuseUnlessGone(error: unknown): false {
  if (error instanceof StoreError && error.code === 'NONEXISTENT') return false;
  throw error;
}
