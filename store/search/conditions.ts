import type { CalendarDay, DateField, SearchKey } from '../../protocol/search-key.ts';
import type { SequenceSet } from '../../protocol/sequence-set.ts';
import { foldAsciiCase } from '../names.ts';
import { dayNumber } from '../sent-day.ts';
import { joinTerms } from './any-term.ts';
import { type Condition, type JudgingSteps, verdicts } from './condition.ts';
import { fieldCondition } from './field-condition.ts';
import { fuzzyCondition } from './fuzzy-condition.ts';
import type { MessageText } from './message-text.ts';
import { Relevancies } from '../relevancies.ts';
import type { SearchColumn, SearchExtent, SearchRows } from './search-source.ts';
import { SearchTerm, type TermTest } from './search-term.ts';
import { UidRanges } from './uid-ranges.ts';

/** What the keys of one search share. */
interface SharedByKeys {
  /** The sets that they name: one may be large, and be named a thousand times. */
  readonly ranges: Map<SequenceSet, UidRanges>;
  /** Told what fuzzy keys say. */
  readonly relevancies: Relevancies;
}

/**
 * Makes a search key ready for a mailbox.
 *
 * @param largestUid what `*` stands for; 0 for an empty mailbox
 * @throws {Error} for a key that only a session can decide (`sequence`, `recent`, `saved`, `age`)
 */
export function makeCondition(
  key: SearchKey,
  largestUid: number,
  shared: SharedByKeys = { ranges: new Map(), relevancies: new Relevancies() },
): Condition {
  const make = (operand: SearchKey) => makeCondition(operand, largestUid, shared);
  switch (key.key) {
    case 'and': {
      // Those that are refused are joined as those are that are wanted.
      const { refused, others } = takeApart(key.keys);
      const rest = others.map(make);
      return allOf(refused.length === 0 ? rest : [...rest, not(anyOf(refused, make))]);
    }
    case 'or':
      return anyOf(alternativesOf(key), make);
    case 'not':
      return not(make(key.operand));
    case 'header':
    case 'body':
    case 'text':
      return key.isFuzzy === true
        ? fuzzyCondition(key, key.text, shared.relevancies)
        : termCondition(key, new SearchTerm(key.text));
    case 'all':
      return rowCondition([], () => true);
    case 'flag':
      return flagCondition(key.flag);
    case 'uid': {
      const uids = shared.ranges.get(key.set) ?? new UidRanges(key.set, largestUid);
      shared.ranges.set(key.set, uids);
      return rowCondition([], (rows, index) => uids.has(rows.uids[index]!));
    }
    case 'date':
      return dateCondition(key.field, key.relation, key.day);
    case 'received': {
      const { relation, second } = key;
      return rowCondition(['internalSecond'], ({ internalSeconds }, index) =>
        relation === 'since'
          ? internalSeconds![index]! >= second
          : internalSeconds![index]! <= second,
      );
    }
    case 'size': {
      const { relation, sizeBytes } = key;
      return rowCondition(['size'], ({ sizes }, index) =>
        relation === 'larger' ? sizes![index]! > sizeBytes : sizes![index]! < sizeBytes,
      );
    }
    case 'modseq':
      return rowCondition(['modseq'], ({ modseqs }, index) => modseqs![index]! >= key.modseq);
    case 'emailId':
      return rowCondition(['emailId'], ({ emailIds }, index) => emailIds![index] === key.id);
    case 'threadId':
      return rowCondition(['threadId'], ({ threadIds }, index) => threadIds![index] === key.id);
    default:
      throw new Error(`The store cannot search for "${key.key}", which belongs to a session`);
  }
}

type TextKey = Extract<SearchKey, { readonly text: string }>;

/** True for text that is looked for exactly. */
function isTextKey(key: SearchKey): key is TextKey {
  const hasText = key.key === 'header' || key.key === 'body' || key.key === 'text';
  return hasText && key.isFuzzy !== true;
}

/** A key that looks for text, with what it looks for. */
function termCondition(key: TextKey, term: TermTest): Condition {
  if (key.key === 'header') return fieldCondition(key.fieldName.toLowerCase(), term);
  if (key.key === 'body') return textCondition('body', (text) => text.hasInBody(term));
  return textCondition('message', (text) =>
    orElse(text.hasInHeader(term), () => text.hasInBody(term)),
  );
}

/** The operands of an `AND`: texts that are not to be there, if they are several, and the rest. */
function takeApart(keys: readonly SearchKey[]): {
  readonly refused: readonly SearchKey[];
  readonly others: readonly SearchKey[];
} {
  const refused: SearchKey[] = [];
  const others: SearchKey[] = [];
  for (const key of keys) {
    if (key.key === 'not' && isTextKey(key.operand)) refused.push(key.operand);
    else others.push(key);
  }
  return refused.length < 2 ? { refused: [], others: keys } : { refused, others };
}

/** The operands of an `OR` and of those within it. */
function alternativesOf(key: SearchKey): readonly SearchKey[] {
  return key.key === 'or' ? [...alternativesOf(key.left), ...alternativesOf(key.right)] : [key];
}

/** Any of the keys. Those that look for text in the same place go through it together. */
function anyOf(keys: readonly SearchKey[], make: (key: SearchKey) => Condition): Condition {
  const others = keys.filter((key) => !isTextKey(key)).map(make);
  const groups = Map.groupBy(keys.filter(isTextKey), (key) =>
    key.key === 'header' ? `header ${key.fieldName.toLowerCase()}` : key.key,
  );
  const texts = [...groups.values()].flatMap((group) =>
    joinTerms(group.map(({ text }) => text)).map((term) => termCondition(group[0]!, term)),
  );
  return not(allOf([...others, ...texts].map(not)));
}

function rowCondition(
  columns: readonly SearchColumn[],
  test: (rows: SearchRows, index: number) => boolean,
): Condition {
  let column = new Uint8Array();
  return {
    columns,
    extent: undefined,
    judgeRows: (rows) => {
      column = new Uint8Array(rows.uids.length);
      for (let index = 0; index < column.length; index++) {
        if (test(rows, index)) column[index] = verdicts.yes;
      }
      return column;
    },
    judgeText: (index) => column[index] === verdicts.yes,
  };
}

/** Keywords are compared without regard to case (RFC 3501, section 9: flag-keyword is an atom). */
function flagCondition(flag: string): Condition {
  const wanted = foldAsciiCase(flag);
  let setsOfBatch: SearchRows['flagSets'];
  let hasFlag: boolean[] = [];
  return rowCondition(['flags'], ({ flags, flagSets }, index) => {
    // Few sets, and the same for many messages.
    if (flagSets !== setsOfBatch) {
      setsOfBatch = flagSets;
      hasFlag = flagSets!.map((set) => set.some((each) => foldAsciiCase(each) === wanted));
    }
    return hasFlag[flags![index]!]!;
  });
}

function dateCondition(
  field: DateField,
  relation: 'before' | 'on' | 'since',
  { year, month, day }: CalendarDay,
): Condition {
  const wanted = dayNumber(year, month, day);
  return rowCondition([`${field}Day`], (rows, index) => {
    // NaN, where there is no date, is neither less nor more nor the same.
    const found = rows[`${field}Days`]![index]!;
    if (relation === 'on') return found === wanted;
    return relation === 'before' ? found < wanted : found >= wanted;
  });
}

function textCondition(
  extent: SearchExtent,
  judgeText: (text: MessageText) => boolean | Promise<boolean>,
): Condition {
  return {
    columns: [],
    extent,
    judgeRows: ({ uids }) => new Uint8Array(uids.length).fill(verdicts.open),
    judgeText: (_, text) => judgeText(text),
  };
}

function not(operand: Condition): Condition {
  return {
    columns: operand.columns,
    extent: operand.extent,
    *judgeRows(rows, isNeeded) {
      const column = yield* judgeInSteps(operand, rows, isNeeded);
      // Of an operand that looks at its own column again, so not that.
      const opposite = new Uint8Array(column.length);
      for (let index = 0; index < column.length; index++) {
        opposite[index] = verdicts.yes - column[index]!;
      }
      return opposite;
    },
    judgeText: (index, text) => {
      const verdict = operand.judgeText(index, text);
      return typeof verdict === 'boolean' ? !verdict : verdict.then((isMatch) => !isMatch);
    },
  };
}

function allOf(all: readonly Condition[]): Condition {
  const operands = all.toSorted((a, b) => costOf(a) - costOf(b));
  const judgeFrom = (
    start: number,
    index: number,
    text: MessageText,
  ): boolean | Promise<boolean> => {
    for (let place = start; place < operands.length; place++) {
      const verdict = operands[place]!.judgeText(index, text);
      if (verdict === false) return false;
      if (verdict !== true) {
        return verdict.then((isMatch) => isMatch && judgeFrom(place + 1, index, text));
      }
      const pause = text.pauseIfDue();
      if (pause !== undefined) return pause.then(() => judgeFrom(place + 1, index, text));
    }
    return true;
  };
  function* judgeRows(rows: SearchRows, isNeeded?: Uint8Array): JudgingSteps {
    const column = new Uint8Array(rows.uids.length).fill(verdicts.yes);
    for (let index = 0; isNeeded !== undefined && index < column.length; index++) {
      if (isNeeded[index] === 0) column[index] = verdicts.no;
    }
    for (const operand of operands) {
      const other = yield* judgeInSteps(operand, rows, column);
      for (let index = 0; index < column.length; index++) {
        if (other[index]! < column[index]!) column[index] = other[index]!;
      }
      yield;
    }
    return column;
  }
  return {
    columns: [...new Set(operands.flatMap(({ columns }) => columns))],
    extent: joinExtents(operands.map(({ extent }) => extent)),
    judgeRows,
    judgeText: (index, text) => judgeFrom(0, index, text),
  };
}

/** The verdict of any condition on the rows of a batch, with the steps that it has. */
export function* judgeInSteps(
  condition: Condition,
  rows: SearchRows,
  isNeeded?: Uint8Array,
): JudgingSteps {
  const column = condition.judgeRows(rows, isNeeded);
  return column instanceof Uint8Array ? column : yield* column;
}

/** What has all of it. */
function joinExtents(extents: readonly Condition['extent'][]): Condition['extent'] {
  const different = new Set(extents.filter((extent) => extent !== undefined));
  return different.size > 1 ? 'message' : [...different][0];
}

/** What decides by less goes first. */
function costOf({ columns, extent }: Condition): number {
  if (extent === undefined) return 0;
  if (extent === 'header') return columns.includes('usualFields') ? 1 : 2;
  return extent === 'body' ? 3 : 4;
}

function orElse(
  verdict: boolean | Promise<boolean>,
  otherwise: () => boolean | Promise<boolean>,
): boolean | Promise<boolean> {
  if (typeof verdict === 'boolean') return verdict || otherwise();
  return verdict.then((isMatch) => isMatch || otherwise());
}
