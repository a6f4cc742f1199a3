import type { CalendarDay, SearchKey } from '../../protocol/search-key.ts';
import { findUsualFields, isUsualField } from '../usual-fields.ts';
import { hasAnyOf, type FlagWords, type KeywordTable } from '../sqlite/keywords.ts';
import { dayNumber } from '../sent-day.ts';
import { foldText } from './fold-text.ts';
import type { MessageText } from './message-text.ts';
import { SearchedField } from './searched-field.ts';
import { UidRanges } from './uid-ranges.ts';

/** What a search knows of a message without reading its bytes. */
export interface SearchRow {
  readonly uid: number;
  readonly modseq: number;
  readonly words: FlagWords;
  readonly sizeBytes: number;
  /** Days since 1970, in the zone of the internal date. */
  readonly internalDay: number;
  readonly sentDay: number | undefined;
  /** Undefined if they are not kept apart, or no condition needs them. */
  readonly usualFields: Uint8Array | undefined;
}

/** A search key made ready. */
export interface Condition {
  /** 0: decided by the row; then dearer with what has to be read. */
  readonly cost: number;
  /** The verdict from the row alone; undefined where the text decides. */
  ofRow(row: SearchRow): boolean | undefined;
  /** The verdict where the row alone has none. */
  ofText(row: SearchRow, text: MessageText): Promise<boolean>;
}

/** The mailbox, as far as conditions depend on it. */
interface SearchedMailbox {
  readonly keywords: KeywordTable;
  /** 0 for an empty mailbox. */
  readonly largestUid: number;
}

const headerCost = 1;
const bodyCost = 100;

/** Makes a search key ready for a mailbox. */
export function makeCondition(key: SearchKey, mailbox: SearchedMailbox): Condition {
  switch (key.key) {
    case 'and':
      return allOf(key.keys.map((operand) => makeCondition(operand, mailbox)));
    case 'or':
      return not(allOf([key.left, key.right].map((side) => not(makeCondition(side, mailbox)))));
    case 'not':
      return not(makeCondition(key.operand, mailbox));
    case 'header': {
      const [name, term] = [key.fieldName.toLowerCase(), foldText(key.text)];
      const condition = onText(headerCost, (text) => text.hasField(name, term));
      return isUsualField(name) ? { ...condition, ofRow: makeFieldTest(name, term) } : condition;
    }
    case 'body': {
      const term = foldText(key.text);
      return onText(bodyCost, (text) => text.hasInBody(term));
    }
    case 'text': {
      const term = foldText(key.text);
      return onText(
        bodyCost,
        async (text) => (await text.hasInHeader(term)) || text.hasInBody(term),
      );
    }
    default:
      return onRow(makeRowTest(key, mailbox));
  }
}

type RowKey = Exclude<
  SearchKey,
  { readonly key: 'and' | 'or' | 'not' | 'header' | 'body' | 'text' }
>;

function makeRowTest(key: RowKey, mailbox: SearchedMailbox): (row: SearchRow) => boolean {
  switch (key.key) {
    case 'all':
      return () => true;
    case 'flag':
      return makeFlagTest(mailbox.keywords.wordsOf([key.flag]));
    case 'uid': {
      const uids = new UidRanges(key.set, mailbox.largestUid);
      return ({ uid }) => uids.has(uid);
    }
    case 'date':
      return makeDateTest(key.field, key.relation, key.day);
    case 'size':
      return key.relation === 'larger'
        ? ({ sizeBytes }) => sizeBytes > key.sizeBytes
        : ({ sizeBytes }) => sizeBytes < key.sizeBytes;
    case 'modseq':
      return ({ modseq }) => modseq >= key.modseq;
    default:
      throw new Error(`The store cannot search for "${key.key}", which belongs to a session`);
  }
}

/** A keyword that the mailbox does not know has no bit, and no message has it. */
function makeFlagTest(wanted: FlagWords): (row: SearchRow) => boolean {
  return ({ words }) => hasAnyOf(words, wanted);
}

function makeDateTest(
  field: 'internal' | 'sent',
  relation: 'before' | 'on' | 'since',
  { year, month, day }: CalendarDay,
): (row: SearchRow) => boolean {
  const wanted = dayNumber(year, month, day);
  return (row) => {
    const found = field === 'internal' ? row.internalDay : row.sentDay;
    if (found === undefined) return false;
    if (relation === 'on') return found === wanted;
    return relation === 'before' ? found < wanted : found >= wanted;
  };
}

/** Undecided for a message whose usual fields are not kept apart. */
function makeFieldTest(name: string, term: string): (row: SearchRow) => boolean | undefined {
  return ({ usualFields }) =>
    usualFields &&
    findUsualFields(usualFields, name).some((field) => new SearchedField(field).hasTerm(term));
}

function onRow(test: (row: SearchRow) => boolean): Condition {
  return { cost: 0, ofRow: test, ofText: async (row) => test(row) };
}

function onText(cost: number, test: (text: MessageText) => Promise<boolean>): Condition {
  return { cost, ofRow: () => undefined, ofText: (_, text) => test(text) };
}

function not(operand: Condition): Condition {
  return {
    cost: operand.cost,
    ofRow: (row) => {
      const verdict = operand.ofRow(row);
      return verdict === undefined ? undefined : !verdict;
    },
    ofText: async (row, text) => !(await operand.ofText(row, text)),
  };
}

function allOf(operands: readonly Condition[]): Condition {
  const cheapFirst = operands.toSorted((a, b) => a.cost - b.cost);
  return {
    cost: operands.reduce((sum, { cost }) => sum + cost, 0),
    ofRow: (row) => {
      let isOpen = false;
      for (const operand of cheapFirst) {
        const verdict = operand.ofRow(row);
        if (verdict === false) return false;
        isOpen ||= verdict === undefined;
      }
      return isOpen ? undefined : true;
    },
    ofText: async (row, text) => {
      for (const operand of cheapFirst) {
        if (!(operand.ofRow(row) ?? (await operand.ofText(row, text)))) return false;
      }
      return true;
    },
  };
}
