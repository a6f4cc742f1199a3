import { decodeEncodedWords } from './encoded-words.ts';
import { decodeParameter, readParameters } from './parameters.ts';

const parameterFields = new Set(['content-type', 'content-disposition']);

/**
 * What a search of a field looks at: its value as Unicode. A parameter whose value has a charset of its own (RFC 2231)
 * follows decoded, in a line of its own.
 *
 * @param name in lower case
 * @param value wire text of the unfolded value
 */
export function decodeFieldText(name: string, value: string): string {
  const text = decodeEncodedWords(value);
  if (!parameterFields.has(name) || !value.includes('*')) return text;
  const parameters = readParameters(value);
  const decoded = parameters
    .filter((parameter) => parameter[0].endsWith('*'))
    .map(([encodedName]) => encodedName.slice(0, -1))
    .map((plainName) => `${plainName}=${decodeParameter(parameters, plainName)}`);
  return [text, ...decoded].join('\n');
}
