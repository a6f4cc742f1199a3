import { CommandError, type Decoder } from '../decoder.ts';
import { maxCancelledTags } from '../limits.ts';

/** The arguments of CANCELUPDATE. */
export interface CancelUpdateArguments {
  /** Tags of the commands that asked for updates; at least one. */
  readonly tags: readonly string[];
}

/** Tags in quotes, as the grammar has them, or without. @see RFC 5267, section 5 */
export function expectCancelUpdateArguments(decoder: Decoder): CancelUpdateArguments {
  const tags: string[] = [];
  do {
    decoder.expectSpace();
    tags.push(decoder.expectAString('tag'));
    if (tags.length > maxCancelledTags) {
      throw new CommandError(`More than ${maxCancelledTags} tags`);
    }
  } while (!decoder.isAtEnd());
  return { tags };
}
