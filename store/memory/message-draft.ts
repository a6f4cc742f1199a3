import type { MailboxKey, StoreError } from '../mail-store.ts';
import type {
  AddedMessage,
  DraftedMessage,
  MessageDraft,
  MessageProperties,
  MessageTarget,
} from '../message-draft.ts';
import type { MessageReader } from '../message-reader.ts';
import { packStructure } from '../packed-structure.ts';
import { type BodyContent, ChunkList } from './bodies.ts';

/** What became of a message in each of its targets. */
type TargetResults = readonly (AddedMessage | StoreError)[];

/** Adds a whole message to mailboxes. */
type AddMessage = (
  content: BodyContent,
  targets: readonly MessageTarget[],
) => Promise<TargetResults>;

/** A message on its way in. It takes as much memory as it has bytes, since it stays there. */
export class MemoryMessageDraft implements MessageDraft {
  readonly #add: AddMessage;
  readonly #chunks = new ChunkList();
  #isSealed = false;
  #reader: MessageReader | undefined;
  #isUsedUp = false;

  constructor(add: AddMessage) {
    this.#add = add;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#checkUsable();
    if (this.#isSealed) throw new Error('The message draft is sealed');
    let bytes = chunk;
    if (this.#reader === undefined) {
      // The chunk is the caller's again when this returns its promise.
      bytes = new Uint8Array(chunk);
      const { MessageReader } = await loadReader();
      this.#reader = new MessageReader();
    }
    this.#reader.push(bytes);
    this.#chunks.push(bytes);
  }

  get heldBytes(): number {
    return 0;
  }

  async seal(): Promise<void> {
    this.#checkUsable();
    this.#isSealed = true;
  }

  async addTo(box: MailboxKey, properties: MessageProperties): Promise<AddedMessage> {
    const [result] = await this.addToEach([{ ...properties, box }]);
    if (result instanceof Error) throw result;
    return result!;
  }

  async addToEach(targets: readonly MessageTarget[]): Promise<TargetResults> {
    return this.#add(await this.take(), targets);
  }

  /** Uses the draft up: the whole message. */
  async take(): Promise<BodyContent> {
    this.#checkUsable();
    this.#isUsedUp = true;
    const chunks = this.#chunks.take();
    const { MessageReader, readSortKeysOf, selectUsualFieldsOf } = await loadReader();
    this.#reader ??= new MessageReader();
    const { structure, ...facts } = this.#reader.finish();
    const usualFields = selectUsualFieldsOf(chunks[0], facts);
    const sortKeys = readSortKeysOf(chunks[0], facts, usualFields);
    // They are handed out as they are.
    Object.freeze(sortKeys.references);
    return {
      facts,
      structure: packStructure(structure),
      usualFields,
      sortKeys: Object.freeze(sortKeys),
      chunks,
    };
  }

  async discard(): Promise<void> {
    this.#isUsedUp = true;
    this.#chunks.take();
  }

  #checkUsable(): void {
    if (this.#isUsedUp) throw new Error('The message draft is used up');
  }
}

/** Uses the drafts of messages up: what is added of each. */
export async function takeDrafts(messages: readonly DraftedMessage[]) {
  const taken: (Omit<DraftedMessage, 'draft'> & { readonly content: BodyContent })[] = [];
  for (const { draft, flags, internalDate } of messages) {
    if (!(draft instanceof MemoryMessageDraft)) throw new Error('The draft is of another store');
    const kept = { flags: [...flags], internalDate: { ...internalDate } };
    taken.push({ content: await draft.take(), ...kept });
  }
  return taken;
}

/** What reads messages takes longer to load than the rest of the store: many tests never add one. */
const loadReader = () => import('../message-reader.ts');
