import { transcriptLimits } from './limits.ts';
import { type Captures, isMismatch, matchResponse, type Mismatch } from './match-response.ts';
import { fillerText, replacePlaceholders } from './placeholder.ts';
import { readShape, type ResponseShape, type ResponseText } from './response-shape.ts';
import type { Difference } from './result.ts';
import { suppliedNames } from './supplied-values.ts';
import type { AnyOrderStep, ExpectedResponse, ExpectStep, SendStep } from './transcript.ts';
import type { Arrival, WireConnection } from './wire-connection.ts';
import { literalMark } from './wire-value.ts';

/** What all connections of a scenario share. */
export interface ScenarioState {
  captures: Captures;
  readonly allowed: ExpectedResponse[];
  readonly differences: Difference[];
  /** True if it makes no sense to go on. */
  isOver: boolean;
}

interface Received {
  readonly response: ResponseText;
  readonly shape: ResponseShape;
}

/** One connection of a scenario: sends its lines, and judges each response that comes. */
export class Conversation {
  readonly #wire: WireConnection;
  readonly #number: number;
  readonly #state: ScenarioState;
  /** A response that was read and is still to be judged. */
  #held: Received | undefined;
  #optional: ExpectStep[] = [];
  /** True behind `S: ...`. */
  #mayBeAnything = false;
  #sent: string | undefined;
  /** True if all that was sent is answered. */
  #isSettled = true;
  #hasBye = false;
  #line = 0;

  constructor(wire: WireConnection, number: number, state: ScenarioState) {
    this.#wire = wire;
    this.#number = number;
    this.#state = state;
  }

  send({ text: { text, placeholders }, source, line }: SendStep): void {
    this.#line = line;
    this.#sent = source;
    this.#isSettled = false;
    this.#wire.send(this.#fill(text, placeholders));
  }

  #fill(text: string, placeholders: SendStep['text']['placeholders']): string {
    return replacePlaceholders(text, placeholders, (placeholder) => {
      if (placeholder.type === 'use') return this.#state.captures.get(placeholder.name) ?? '';
      if (placeholder.type === 'bytes') return fillerText(placeholder.count);
      if (placeholder.type !== 'size') return '';
      const literal = placeholder.literal();
      return String(this.#fill(literal.text, literal.placeholders).length);
    });
  }

  /** From now on any untagged responses may come until the next one that is expected. */
  allowAnything(): void {
    this.#mayBeAnything = true;
  }

  /**
   * Waits for a response.
   *
   * @param later - what is expected behind it before anything else is sent
   */
  async expect(step: ExpectStep, later: readonly ExpectStep[]): Promise<void> {
    this.#line = step.line;
    if (step.isOptional) {
      this.#optional.push(step);
      return;
    }
    for (;;) {
      const received = await this.#receive([step]);
      if (received === undefined) return;
      const result = this.#match(step, received);
      if (!isMismatch(result)) {
        this.#take(result, received);
        return;
      }
      if (this.#mayPass(received)) continue;
      if (this.#differs(step, received, result, later)) return;
    }
  }

  /** Waits for responses in whatever order. */
  async expectAnyOrder({ steps, line }: AnyOrderStep): Promise<void> {
    this.#line = line;
    let left = steps;
    while (left.some(({ isOptional }) => !isOptional)) {
      const received = await this.#receive(left.filter(({ isOptional }) => !isOptional));
      if (received === undefined) return;
      const found = left.find((step) => {
        const result = this.#match(step, received);
        if (isMismatch(result)) return false;
        this.#take(result, received);
        return true;
      });
      if (found === undefined && this.#mayPass(received)) continue;
      const similar = found ?? mostSimilar(left, received.shape);
      if (found === undefined && similar === undefined && isTagged(received.shape)) {
        this.#held = received;
        for (const step of left) if (!step.isOptional) this.#add(step, { type: 'missing' });
        return;
      }
      if (found === undefined) this.#addPair(similar, received);
      left = left.filter((step) => step !== similar);
    }
    this.#optional.push(...left);
  }

  /** Waits for the server to end the connection. */
  async expectClose(line: number): Promise<void> {
    this.#line = line;
    for (;;) {
      const arrival = await this.#next();
      if (arrival.type === 'closed') return;
      if (arrival.type === 'deadline') {
        this.#add({ line, source: 'S closes' }, { type: 'missing', reason: 'it is still open' });
        return;
      }
      const received = receivedOf(arrival.response);
      if (this.#mayPass(received)) continue;
      this.#addPair(undefined, received);
      this.#state.isOver = true;
      return;
    }
  }

  async startTls(): Promise<void> {
    await this.#wire.startTls();
  }

  startDeflate(): void {
    this.#wire.startDeflate();
  }

  close(): void {
    this.#wire.close();
  }

  /** Logs out, if the connection is in a state for it, so that a response too many is seen; then closes. */
  async leave(): Promise<void> {
    try {
      if (this.#hasBye) await this.expectClose(this.#line);
      else if (this.#isSettled) await this.#logOut();
    } finally {
      this.close();
    }
  }

  async #logOut(): Promise<void> {
    this.#optional = [];
    this.#mayBeAnything = false;
    this.#sent = 'rpend LOGOUT (by the runner)';
    this.#wire.send('rpend LOGOUT\r\n');
    for (;;) {
      const arrival = await this.#next();
      if (arrival.type !== 'response') return;
      const received = receivedOf(arrival.response);
      const { shape } = received;
      if (shape.type === 'status' && shape.tag === 'rpend') return;
      const isBye = shape.type === 'status' && shape.tag === '*' && shape.status === 'BYE';
      if (!isBye && !this.#mayPass(received)) this.#addPair(undefined, received);
    }
  }

  /** The next response, or a difference for each of these that did not come. */
  async #receive(steps: readonly ExpectStep[]): Promise<Received | undefined> {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) return held;
    const arrival = await this.#next();
    if (arrival.type === 'response') return receivedOf(arrival.response);
    const beginning = this.#wire.beginning;
    const late =
      beginning === '' ? 'nothing came' : `no whole line came, only "${beginning.slice(0, 200)}"`;
    const ended = arrival.type === 'closed' ? (arrival.reason ?? 'by the server') : '';
    const reason =
      arrival.type === 'closed'
        ? `the connection was closed (${ended})`
        : `${late} before the deadline`;
    for (const step of steps) this.#add(step, { type: 'missing', reason });
    this.#state.isOver = true;
    return undefined;
  }

  async #next(): Promise<Arrival> {
    return this.#wire.read();
  }

  #match({ response }: ExpectStep, { shape }: Received): Mismatch | Captures {
    return matchResponse(response, shape, this.#state.captures);
  }

  #take(captures: Captures, { shape }: Received): void {
    this.#state.captures = captures;
    this.#optional = [];
    this.#mayBeAnything = false;
    if (shape.type !== 'status') return;
    if (isTagged(shape)) this.#isSettled = true;
    if (shape.tag === '*' && shape.status === 'BYE') this.#hasBye = true;
  }

  /** True for a response that may come without being asked for by the next line. */
  #mayPass({ shape }: Received): boolean {
    const { captures, allowed } = this.#state;
    const at = this.#optional.findIndex(({ response }) => {
      const result = matchResponse(response, shape, captures);
      if (isMismatch(result)) return false;
      this.#state.captures = result;
      return true;
    });
    if (at >= 0) {
      this.#optional.splice(at, 1);
      return true;
    }
    const isUntagged = shape.type === 'data' || (shape.type === 'status' && shape.tag === '*');
    if (isUntagged && this.#mayBeAnything) return true;
    return allowed.some((response) => !isMismatch(matchResponse(response, shape, captures)));
  }

  /** Notes a difference; true if the step is done with, false if it may still come. */
  #differs(
    step: ExpectStep,
    received: Received,
    detail: Mismatch,
    later: readonly ExpectStep[],
  ): boolean {
    const isLater = later.some((other) => !isMismatch(this.#match(other, received)));
    if (isLater || (isTagged(received.shape) && !isTagged(step.response.shape))) {
      this.#held = received;
      this.#add(step, { type: 'missing' });
      return true;
    }
    if (isSimilar(step.response.shape, received.shape)) {
      this.#addPair(step, received, detail);
      if (isTagged(received.shape)) this.#isSettled = true;
      return true;
    }
    this.#addPair(undefined, received);
    if (this.#state.differences.length < transcriptLimits.responsesAfterDifference) return false;
    this.#state.isOver = true;
    return true;
  }

  #addPair(step: ExpectStep | undefined, received: Received, mismatch?: Mismatch): void {
    const text = showResponse(received.response);
    if (step === undefined) {
      this.#add({ line: this.#line, source: undefined }, { type: 'unexpected', received: text });
      return;
    }
    const result = mismatch ?? this.#match(step, received);
    const detail = isMismatch(result) ? result : undefined;
    this.#add(step, { type: 'different', received: text, detail });
  }

  #add(
    { line, source }: { readonly line: number; readonly source: string | undefined },
    rest: Pick<Difference, 'type'> & Partial<Difference>,
  ): void {
    const captured = Object.fromEntries(
      [...this.#state.captures].filter(
        ([name]) => !(suppliedNames as readonly string[]).includes(name),
      ),
    );
    this.#state.differences.push({
      line,
      connection: this.#number,
      sent: this.#sent,
      expected: source,
      received: undefined,
      detail: undefined,
      reason: undefined,
      captured,
      ...rest,
    });
  }
}

function receivedOf(response: ResponseText): Received {
  return { response, shape: readShape(response) };
}

function isTagged(shape: ResponseShape): boolean {
  return shape.type === 'status' && shape.tag !== '*';
}

/** True if one may be meant where the other is. */
function isSimilar(expected: ResponseShape, received: ResponseShape): boolean {
  if (received.type === 'malformed') return true;
  if (expected.type === 'status' && received.type === 'status') {
    return isTagged(expected) ? isTagged(received) : expected.tag === received.tag;
  }
  if (expected.type !== 'data' || received.type !== 'data') return expected.type === received.type;
  return nameOf(expected) === nameOf(received);
}

/** The step that the response may be meant for: one with the same number, if there is one. */
function mostSimilar(
  steps: readonly ExpectStep[],
  received: ResponseShape,
): ExpectStep | undefined {
  const similar = steps.filter(
    ({ isOptional, response }) => !isOptional && isSimilar(response.shape, received),
  );
  const number = firstOf(received);
  return similar.find(({ response }) => firstOf(response.shape) === number) ?? similar[0];
}

function firstOf(shape: ResponseShape): string | undefined {
  const first = shape.type === 'data' ? shape.values[0] : undefined;
  return first?.type === 'atom' ? first.text : undefined;
}

/** `LIST`, `EXISTS`, `FETCH` … */
function nameOf({ values }: ResponseShape & { readonly type: 'data' }): string {
  const words = values.slice(0, 2).map((value) => (value.type === 'atom' ? value.text : ''));
  return words.find((word) => /^[A-Z]/.test(word)) ?? '';
}

/** A response as it came, its literals behind their sizes. */
function showResponse({ text, literals }: ResponseText): string {
  let index = 0;
  return text.replaceAll(literalMark, () => {
    const literal = literals[index] ?? '';
    index += 1;
    return `{${literal.length}}\r\n${literal}`;
  });
}
