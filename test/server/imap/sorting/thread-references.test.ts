// Threads of random messages, beside a plain model that follows the steps of RFC 5256 one by one.
import t from 'tap';
import type { ThreadForest } from '../../../../server/imap/sorting/thread-forest.ts';
import {
  threadByReferences,
  type ThreadedMessages,
} from '../../../../server/imap/sorting/thread-references.ts';
import { Turn } from '../../../../store/turns.ts';
import { SeededRandom } from '../../../fixtures/seeded-random.ts';

interface Message {
  /** 0: none. */
  readonly id: number;
  readonly references: readonly number[];
  readonly subject: number;
  readonly isReply: boolean;
  readonly date: number;
}

/** A node of the model: a dummy if it has no message. */
interface Node {
  readonly place: number | undefined;
  parent: Node | undefined;
  children: Node[];
}

const idCount = 7;
const turn = new Turn({ flush: () => {}, ready: async () => {} });

function randomMessages(random: SeededRandom): Message[] {
  return Array.from({ length: 1 + random.below(9) }, () => {
    const id = random.below(idCount + 1);
    const references = Array.from({ length: random.below(4) }, () => 1 + random.below(idCount));
    return {
      id,
      references: references.filter((each) => each !== id),
      subject: random.below(4),
      isReply: random.chance(0.5),
      date: random.below(5),
    };
  });
}

await t.test('threads are those of the model', async (t) => {
  const random = new SeededRandom(5256);
  let dummyCount = 0;
  for (let round = 0; round < 4000; round++) {
    const messages = randomMessages(random);
    const expected = modelThreads(messages);
    const [input, subjects] = toColumns(messages);
    const forest = await threadByReferences(input, subjects, turn);
    if (expected.includes('((')) dummyCount += 1;
    const found = printForest(forest);
    if (found !== expected) {
      t.equal(found, expected, JSON.stringify(messages));
      break;
    }
  }
  t.ok(dummyCount > 100, `${dummyCount} with a dummy`);
});

await t.test('a made-up thread of any depth is threaded in reasonable time', async (t) => {
  const count = 20_000;
  // A chain whose messages come in the opposite order, then messages that try to put its end above its beginning.
  const chain = Array.from({ length: count }, (_, index): Message => {
    const id = count - index;
    return { id, references: id === 1 ? [] : [id - 1], subject: 0, isReply: false, date: 0 };
  });
  const loops = Array.from({ length: count }, (): Message => {
    return { id: 0, references: [count, 1], subject: 0, isReply: false, date: 0 };
  });
  const [input, subjects] = toColumns([...chain, ...loops]);
  const forest = await threadByReferences(input, subjects, turn);
  let depth = 0;
  for (let node = forest.firstChildren[0]!; node !== 0; node = forest.firstChildren[node]!) {
    depth += 1;
  }
  t.equal(depth, count);
});

function toColumns(messages: readonly Message[]): [ThreadedMessages, Float64Array] {
  const lists = [[], ...messages.map(({ references }) => references)];
  const order = Uint32Array.from(
    [...messages.keys()].toSorted((one, other) => messages[one]!.date - messages[other]!.date),
  );
  const links = {
    ids: Float64Array.from(messages, ({ id }) => id),
    references: Float64Array.from(messages, (_, place) => place + 1),
    isReplyOrForward: Float64Array.from(messages, ({ isReply }) => Number(isReply)),
    idCount: Math.max(idCount, messages.length),
    referencesAt: (start: number) => Uint32Array.from(lists[start]!),
  };
  return [{ links, order }, Float64Array.from(messages, ({ subject }) => subject)];
}

function printForest({ messageCount, firstChildren, nextSiblings }: ThreadForest): string {
  const print = (node: number): string => {
    let text = '';
    for (let each = firstChildren[node]!; each !== 0; each = nextSiblings[each]!) {
      text += `(${each <= messageCount ? each : ''}${print(each)})`;
    }
    return text;
  };
  return print(0);
}

function modelThreads(messages: readonly Message[]): string {
  const root: Node = { place: undefined, parent: undefined, children: linkModel(messages) };
  for (const child of root.children) child.parent = root;
  prune(root, root);
  sortByDate(root, messages, false);
  mergeModel(root, messages);
  sortByDate(root, messages, true);
  const print = (node: Node): string =>
    node.children
      .map((child) => `(${child.place === undefined ? '' : child.place + 1}${print(child)})`)
      .join('');
  return print(root);
}

/** Steps 1 and 2. */
function linkModel(messages: readonly Message[]): Node[] {
  const nodes = messages.map((_, place): Node => ({ place, parent: undefined, children: [] }));
  const byId = new Map<number, Node>();
  for (const [place, { id }] of messages.entries()) {
    if (id !== 0 && !byId.has(id)) byId.set(id, nodes[place]!);
  }
  const nodeOf = (id: number): Node => {
    const node = byId.get(id) ?? { place: undefined, parent: undefined, children: [] };
    if (!byId.has(id)) nodes.push(node);
    byId.set(id, node);
    return node;
  };
  for (const [place, { references }] of messages.entries()) {
    const ancestors = references.map(nodeOf);
    for (const [index, ancestor] of ancestors.entries()) {
      if (index > 0 && ancestor.parent === undefined) link(ancestors[index - 1]!, ancestor);
    }
    const node = nodes[place]!;
    unlink(node);
    const last = ancestors.at(-1);
    if (last !== undefined) link(last, node);
  }
  return nodes.filter(({ parent }) => parent === undefined);
}

function link(parent: Node, child: Node): void {
  for (let each: Node | undefined = parent; each !== undefined; each = each.parent) {
    if (each === child) return;
  }
  child.parent = parent;
  parent.children.push(child);
}

function unlink(node: Node): void {
  const { parent } = node;
  if (parent !== undefined) parent.children = parent.children.filter((child) => child !== node);
  node.parent = undefined;
}

/** Step 3. */
function prune(node: Node, root: Node): void {
  for (const child of node.children) prune(child, root);
  node.children = node.children.flatMap((child) => {
    if (child.place !== undefined) return [child];
    const isKept = node === root && child.children.length > 1;
    return isKept ? [child] : child.children;
  });
  for (const child of node.children) child.parent = node;
}

/** Step 4, and step 6 with those further down. */
function sortByDate(node: Node, messages: readonly Message[], isDeep: boolean): void {
  for (const child of node.children) {
    if (isDeep || child.place === undefined) sortByDate(child, messages, isDeep);
  }
  const placeOf = ({ place, children }: Node): number => place ?? children[0]!.place!;
  node.children = node.children.toSorted((one, other) => {
    const [place, otherPlace] = [placeOf(one), placeOf(other)];
    return messages[place]!.date - messages[otherPlace]!.date || place - otherPlace;
  });
}

/** Step 5. */
function mergeModel(root: Node, messages: readonly Message[]): void {
  const messageOf = ({ place, children }: Node) => messages[place ?? children[0]!.place!]!;
  const isDummy = ({ place }: Node) => place === undefined;
  const subjects = new Map<Node, number>();
  const table = new Map<number, Node>();
  for (const child of root.children) {
    const { subject, isReply } = messageOf(child);
    subjects.set(child, subject);
    const known = table.get(subject);
    if (subject === 0) continue;
    const isBetter =
      known !== undefined &&
      !isDummy(known) &&
      (isDummy(child) || (messageOf(known).isReply && !isReply));
    if (known === undefined || isBetter) table.set(subject, child);
  }
  for (const child of root.children) {
    const subject = subjects.get(child)!;
    const known = table.get(subject);
    if (subject === 0 || known === undefined || known === child || child.parent !== root) continue;
    unlink(child);
    if (isDummy(known) && isDummy(child)) {
      for (const each of child.children) {
        unlink(each);
        link(known, each);
      }
    } else if (isDummy(known) || (messageOf(child).isReply && !messageOf(known).isReply)) {
      link(known, child);
    } else {
      const dummy: Node = { place: undefined, parent: undefined, children: [] };
      unlink(known);
      link(dummy, known);
      link(dummy, child);
      link(root, dummy);
      table.set(subject, dummy);
    }
  }
}
