import { HeaderFilter } from '../../protocol/mime/header-filter.ts';
import { isUsualField, type UsualFieldsColumn } from '../usual-fields.ts';
import { type KeyCondition, verdicts } from './condition.ts';
import { HeaderScan } from './header-scan.ts';
import { addressFieldNames, SearchedField } from './searched-field.ts';
import type { TermTest } from './search-term.ts';

/** On a field of the header; the fields that an engine keeps apart come with the rows. */
export function fieldCondition(name: string, term: TermTest): KeyCondition {
  const isUsual = isUsualField(name);
  const filter = new HeaderFilter([name], false);
  let column: Uint8Array = new Uint8Array();
  return {
    columns: isUsual ? ['usualFields'] : [],
    extent: 'header',
    judgeRows: ({ uids, usualFields }, isNeeded) => {
      column = isUsual
        ? judgeUsualFields(usualFields!, { name, filter, term, isNeeded })
        : new Uint8Array(uids.length).fill(verdicts.open);
      return column;
    },
    judgeText: (index, text) =>
      column[index] === verdicts.open
        ? text.hasField(name, filter, term)
        : column[index] === verdicts.yes,
  };
}

/** A verdict on each message: open if its fields are not kept apart. */
function judgeUsualFields(
  { bytes, offsets }: UsualFieldsColumn,
  {
    name,
    filter,
    term,
    isNeeded,
  }: {
    readonly name: string;
    readonly filter: HeaderFilter;
    readonly term: TermTest;
    readonly isNeeded: Uint8Array | undefined;
  },
): Uint8Array {
  const column = new Uint8Array(offsets.length - 1);
  const scan = new HeaderScan(bytes, term);
  // What is searched of addresses may be pieces of the field put together.
  const isWhole = addressFieldNames.includes(name);
  let candidate = -1;
  for (let index = 0; index < column.length; index++) {
    const [start, end] = [offsets[index]!, offsets[index + 1]!];
    if (start === end) column[index] = verdicts.open;
    if (start === end || isNeeded?.[index] === 0) continue;
    if (!isWhole) {
      if (candidate < start) candidate = scan.next(start);
      if (candidate >= end) continue;
    }
    const fields = filter.fieldsOf(scan.text, start, end);
    if (fields.some((field) => new SearchedField(field).hasTerm(term)))
      column[index] = verdicts.yes;
  }
  return column;
}
