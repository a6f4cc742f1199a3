import { decodeBase64 } from '../../protocol/grammar/login.ts';
import { CommandRefusedError } from './responses.ts';
import { decodeLine, type Session } from './session.ts';

/** What client and server say to each other within one AUTHENTICATE. */
export class SaslExchange {
  readonly #session: Session;
  #initialResponse: Uint8Array | undefined;

  /** @param initialResponse - what came with the command (RFC 4959) */
  constructor(session: Session, initialResponse: Uint8Array | undefined) {
    this.#session = session;
    this.#initialResponse = initialResponse;
  }

  /** What the client says first: with its command, or asked by this challenge. Once. */
  async firstResponse(challenge = ''): Promise<Uint8Array> {
    const response = this.#initialResponse ?? (await this.challenge(challenge));
    this.#initialResponse = undefined;
    return response;
  }

  /**
   * Sends a challenge and reads the answer, both in base64. `*` cancels. Rejects with a {@link CommandRefusedError}.
   *
   * @param options - `isAnyAnswer`: the answer is not looked at, and what resolves is empty
   */
  async challenge(text: string, { isAnyAnswer = false } = {}): Promise<Uint8Array> {
    this.#session.out.challenge(Buffer.from(text));
    const line = decodeLine(await this.#session.connection.pullLine());
    if (isAnyAnswer) return new Uint8Array();
    if (line === '*') throw new CommandRefusedError('BAD', 'Authentication cancelled');
    const response = decodeBase64(line);
    if (response === undefined) {
      throw new CommandRefusedError('BAD', 'Expected a SASL response in base64');
    }
    return response;
  }
}

/** @throws CommandRefusedError */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CommandRefusedError('BAD', 'Expected a SASL response in UTF-8');
  }
}
