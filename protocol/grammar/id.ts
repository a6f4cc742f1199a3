import { CommandError, type Decoder } from '../decoder.ts';
import { maxIdNameBytes, maxIdPairs, maxIdValueBytes } from '../limits.ts';

/** The arguments of ID. */
export interface IdArguments {
  /** Field names in lower case; undefined for `NIL`. */
  readonly parameters: ReadonlyMap<string, string | undefined> | undefined;
}

/** A list of fields and values, or `NIL`. @see RFC 2971, section 3.1 */
export function expectIdArguments(decoder: Decoder): IdArguments {
  decoder.expectSpace();
  if (!decoder.isNext('(')) {
    decoder.expectNText('list of ID fields or NIL');
    return { parameters: undefined };
  }
  const parameters = new Map<string, string | undefined>();
  decoder.expectList('ID fields', maxIdPairs, () => {
    const field = decoder.expectString('ID field').toLowerCase();
    decoder.expectSpace();
    const value = decoder.expectNText('value of ID field');
    if (field.length > maxIdNameBytes || (value?.length ?? 0) > maxIdValueBytes) {
      throw new CommandError('ID field or value is too long');
    }
    parameters.set(field, value);
  });
  return { parameters };
}
