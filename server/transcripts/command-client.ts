import { readShape, type ResponseShape, type ResponseText } from './response-shape.ts';
import { TranscriptRunError } from './transcript-error.ts';
import type { WireConnection } from './wire-connection.ts';
import { formatValue, type WireValue } from './wire-value.ts';

/** What came in answer to a command. */
export interface CommandAnswer {
  readonly status: string;
  /** The tagged line, for people. */
  readonly text: string;
  /** The code of the tagged response, as values. */
  readonly code: readonly WireValue[];
  /** The values of the untagged data before it. */
  readonly data: readonly (readonly WireValue[])[];
}

type StatusShape = ResponseShape & { readonly type: 'status' };

/**
 * Sends commands of the runner's own, around a scenario: to log in, to prepare mailboxes, to leave. Its tags begin with
 * `rp`.
 */
export class CommandClient {
  readonly #connection: WireConnection;
  #tagCount = 0;

  constructor(connection: WireConnection) {
    this.#connection = connection;
  }

  /** Reads the greeting; its values. @throws TranscriptRunError for BYE, and if none comes */
  async greet(): Promise<StatusShape> {
    const shape = readShape(await this.#read('a greeting'));
    if (shape.type === 'status' && (shape.status === 'OK' || shape.status === 'PREAUTH'))
      return shape;
    throw new TranscriptRunError('Cannot begin: the server greets with no OK');
  }

  /** A command that must work. @throws TranscriptRunError that says what the server answered */
  async expectOk(command: string, ...literals: readonly string[]): Promise<CommandAnswer> {
    const answer = await this.command(command, ...literals);
    if (answer.status === 'OK') return answer;
    const shown = command.startsWith('LOGIN') ? 'LOGIN' : command.slice(0, 80);
    throw new TranscriptRunError(
      `Cannot prepare: the server answers "${shown}" with "${answer.text}"`,
    );
  }

  /**
   * Sends a command; `{}` in it is where a literal comes, whose size is written, and for which the server is waited for.
   *
   * @throws TranscriptRunError if the connection ends
   */
  async command(command: string, ...literals: readonly string[]): Promise<CommandAnswer> {
    this.#tagCount += 1;
    const tag = `rp${this.#tagCount}`;
    const pieces = command.split('{}');
    let text = `${tag} ${pieces[0] ?? ''}`;
    const data: (readonly WireValue[])[] = [];
    for (const [index, literal] of literals.entries()) {
      this.#connection.send(`${text}{${literal.length}}\r\n`);
      const refusal = await this.#collect(tag, data, true);
      if (refusal !== undefined) return refusal;
      text = `${literal}${pieces[index + 1] ?? ''}`;
    }
    this.#connection.send(`${text}\r\n`);
    const answer = await this.#collect(tag, data, false);
    if (answer === undefined) throw new TranscriptRunError('Cannot prepare: an unasked "+"');
    return answer;
  }

  /** Reads up to the tagged response; undefined if `+` comes before it and is waited for. */
  async #collect(
    tag: string,
    data: (readonly WireValue[])[],
    isWaiting: boolean,
  ): Promise<CommandAnswer | undefined> {
    for (;;) {
      const response = await this.#read('an answer');
      const shape = readShape(response);
      if (shape.type === 'continuation' && isWaiting) return undefined;
      if (shape.type === 'data') data.push(shape.values);
      if (shape.type === 'status' && shape.tag === tag) {
        return { status: shape.status, text: response.text, code: shape.code ?? [], data };
      }
    }
  }

  async #read(what: string): Promise<ResponseText> {
    const arrival = await this.#connection.read();
    if (arrival.type === 'response') return arrival.response;
    const why = arrival.type === 'deadline' ? 'nothing came in time' : 'the connection ended';
    throw new TranscriptRunError(`Cannot go on: ${why}, where ${what} should be`);
  }
}

/** A string argument of a command: quoted if it can be, else `{}` and the literal. */
export function argument(text: string): { readonly text: string; readonly literals: string[] } {
  const isQuotable = /^[\x20-\x7e]*$/.test(text) && text.length < 1000;
  if (isQuotable) return { text: `"${text.replaceAll(/["\\]/g, '\\$&')}"`, literals: [] };
  return { text: '{}', literals: [text] };
}

/** The words of a CAPABILITY response or code: the values behind the first. */
export function capabilityWords(values: readonly WireValue[]): string[] {
  return values.slice(1).map((value) => formatValue(value).toUpperCase());
}
