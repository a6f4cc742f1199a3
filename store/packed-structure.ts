import type { MimeParameters, MimePart } from '../protocol/mime/mime-structure.ts';

/** Fields of a part that few have, under their own names. */
interface RareFields {
  readonly id?: string;
  readonly description?: string;
  readonly md5?: string;
  readonly languages?: readonly string[];
  readonly location?: string;
  readonly envelope?: string;
  readonly message?: PackedPart;
}

/**
 * A part as it is kept: offsets count from where the part around it has its body, then each from the one before; a
 * parameter list is names and values by turns. What comes behind the encoding is left out if nothing follows, else 0.
 */
type PackedPart = readonly [
  headerStart: number,
  headerBytes: number,
  bodyBytes: number,
  lineCount: number,
  type: string,
  subtype: string,
  parameters: readonly string[],
  encoding: string,
  children?: readonly PackedPart[] | 0,
  disposition?: readonly [type: string, parameters: readonly string[]] | 0,
  rare?: RareFields,
];

/**
 * The structure of a message as short text, a seventh of its JSON. The ENVELOPE of the message itself, which stores keep
 * by itself, is not in it; those of messages within are.
 */
export function packStructure(structure: MimePart): string {
  const { envelope: _, ...root } = structure;
  return JSON.stringify(packPart(root, 0));
}

/** What {@link packStructure} has packed. */
export function unpackStructure(text: string): MimePart {
  return unpackPart(JSON.parse(text) as PackedPart, 0);
}

function packPart(part: MimePart, base: number): PackedPart {
  const { headerStart, bodyStart, end, lineCount, type, subtype, parameters, encoding } = part;
  const packed = [
    headerStart - base,
    bodyStart - headerStart,
    end - bodyStart,
    lineCount,
    type,
    subtype,
    parameters.flat(),
    encoding,
  ] as const;
  const { children, disposition } = part;
  const tail = [
    children?.map((child) => packPart(child, bodyStart)),
    disposition && ([disposition.type, disposition.parameters.flat()] as const),
    rareFields(part),
  ] as const;
  const last = tail.findLastIndex((field) => field !== undefined);
  const fields = tail.slice(0, last + 1).map((field) => field ?? 0);
  return [...packed, ...fields] as unknown as PackedPart;
}

function rareFields(part: MimePart): RareFields | undefined {
  const { id, description, md5, languages, location, envelope, message, bodyStart } = part;
  const rare = {
    ...(id !== undefined && { id }),
    ...(description !== undefined && { description }),
    ...(md5 !== undefined && { md5 }),
    ...(languages !== undefined && { languages }),
    ...(location !== undefined && { location }),
    ...(envelope !== undefined && { envelope }),
    ...(message !== undefined && { message: packPart(message, bodyStart) }),
  };
  return Object.keys(rare).length === 0 ? undefined : rare;
}

function unpackPart(packed: PackedPart, base: number): MimePart {
  const [start, headerBytes, bodyBytes, lineCount, type, subtype, parameters, encoding] = packed;
  const bodyStart = base + start + headerBytes;
  const part: { -readonly [Name in keyof MimePart]: MimePart[Name] } = {
    headerStart: base + start,
    bodyStart,
    end: bodyStart + bodyBytes,
    lineCount,
    type,
    subtype,
    parameters: unpackParameters(parameters),
    encoding,
  };
  const [, , , , , , , , children, disposition, rare] = packed;
  if (children) part.children = children.map((child) => unpackPart(child, bodyStart));
  if (disposition) {
    part.disposition = {
      type: disposition[0],
      parameters: unpackParameters(disposition[1]),
    };
  }
  if (rare) {
    const { message, ...fields } = rare;
    Object.assign(part, fields);
    if (message) part.message = unpackPart(message, bodyStart);
  }
  return part;
}

function unpackParameters(flat: readonly string[]): MimeParameters {
  const parameters: [string, string][] = [];
  for (let index = 0; index < flat.length; index += 2) {
    parameters.push([flat[index]!, flat[index + 1]!]);
  }
  return parameters;
}
