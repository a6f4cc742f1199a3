import { ClientReader, type ClientPiece } from './client-reader.ts';
import { recordedLiteralBytes } from './limits.ts';
import { ResponseReader } from './response-reader.ts';
import type { ResponseText } from './response-shape.ts';
import { writeBytes, writeLiteral, writeResponse } from './transcript-text.ts';

/** Values that another run has otherwise, by the value in this one: each has a name in the transcript. */
export class VaryingValues {
  readonly #names = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  /** What stands for a value of a server: the first time it is captured. */
  place(kind: 'uidvalidity' | 'modseq', value: string): string {
    const known = this.#names.get(`${kind} ${value}`);
    if (known !== undefined) return `{{${known}}}`;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    const name = `${kind}-${count}`;
    this.#names.set(`${kind} ${value}`, name);
    return `{{${name}:number}}`;
  }

  /** What a client sends back of it; the value itself if no server has sent it. */
  use(kind: 'uidvalidity' | 'modseq', value: string): string {
    const known = this.#names.get(`${kind} ${value}`);
    return known === undefined ? value : `{{${known}}}`;
  }
}

/** What becomes of a piece of a client's input: the server gets it, unless the client gets an answer instead. */
export type RecordedPiece = { readonly forward: string } | { readonly answer: string };

/** An AUTHENTICATE that goes on. */
interface SaslExchange {
  readonly tag: string;
  readonly mechanism: string;
  /** How many messages the client has sent. */
  count: number;
}

/** Commands after which what is sent cannot be read any more. */
const refused = new Set(['STARTTLS', 'COMPRESS']);

/**
 * Writes one connection down. Credentials are not: what LOGIN and AUTHENTICATE send becomes placeholders.
 *
 * @see TRANSCRIPTS.md
 */
export class SessionRecorder {
  readonly #marks: { readonly client: string; readonly server: string };
  readonly #values: VaryingValues;
  readonly #write: (line: string) => void;
  readonly #client = new ClientReader();
  readonly #server = new ResponseReader();
  /** The tag of LOGIN while its arguments come in literals. */
  #loginTag: string | undefined;
  /** While AUTHENTICATE goes on. */
  #sasl: SaslExchange | undefined;

  /** @param number - of the connection, from 1 */
  constructor(number: number, values: VaryingValues, write: (line: string) => void) {
    const suffix = number === 1 ? '' : String(number);
    this.#marks = { client: `C${suffix}`, server: `S${suffix}` };
    this.#values = values;
    this.#write = write;
  }

  /** Takes bytes of the client; for each whole piece of them what is to become of it. */
  takeClient(chunk: Uint8Array): RecordedPiece[] {
    return this.#client.push(chunk).map((piece) => this.#takePiece(piece));
  }

  /** Takes bytes of the server. */
  takeServer(chunk: Uint8Array): void {
    this.#server.push(chunk);
    for (let next = this.#server.take(); next !== undefined; next = this.#server.take()) {
      this.#takeResponse(next);
    }
  }

  /** One side has ended the connection. */
  end(side: 'client' | 'server'): void {
    this.#write(`${this.#marks[side]} closes`);
  }

  #takePiece(piece: ClientPiece): RecordedPiece {
    const forward = piece.raw;
    if (piece.type === 'part') return { forward };
    if (this.#loginTag !== undefined) this.#takeLogin(this.#loginTag, piece);
    else if (piece.type === 'literal') this.#takeLiteral(piece);
    else if (this.#sasl !== undefined) this.#takeSasl(this.#sasl, piece.text);
    else return this.#takeLine(piece);
    return { forward };
  }

  #takeLiteral({ beginning, sizeBytes }: ClientPiece & { readonly type: 'literal' }): void {
    const rest = sizeBytes - beginning.length;
    const filler = rest === 0 ? '' : `{{bytes ${rest}}}`;
    const lines = writeLiteral(`${this.#marks.client}|`, beginning, filler);
    for (const line of lines) this.#write(line);
  }

  #takeLine({ raw, text, hasLiteral }: ClientPiece & { readonly type: 'line' }): RecordedPiece {
    const [tag = '', command = '', mechanism = '', initial] = text.split(' ');
    const name = command.toUpperCase();
    if (refused.has(name)) return { answer: `${tag} NO Not while this is recorded\r\n` };
    if (name === 'LOGIN') {
      if (hasLiteral) this.#loginTag = tag;
      else this.#writeLogin(tag);
    } else if (name === 'AUTHENTICATE') {
      const sasl = { tag, mechanism: mechanism.toUpperCase(), count: 0 };
      this.#sasl = sasl;
      const message = initial === undefined ? '' : ` ${this.#saslMessage(sasl)}`;
      this.#writeClient(`${tag} ${command} ${writeBytes(mechanism)}${message}`);
    } else {
      const written = writeBytes(hasLiteral ? text.replace(/\{\d+(\+?)\}$/, '{*$1}') : text);
      this.#writeClient(this.#changeCommand(written));
    }
    return { forward: raw };
  }

  #takeLogin(tag: string, piece: ClientPiece): void {
    if (piece.type !== 'line' || piece.hasLiteral) return;
    this.#loginTag = undefined;
    this.#writeLogin(tag);
  }

  #writeLogin(tag: string): void {
    this.#writeClient(`${writeBytes(tag)} LOGIN "{{user}}" "{{password}}"`);
  }

  #takeSasl(sasl: SaslExchange, text: string): void {
    this.#writeClient(text === '*' ? '*' : this.#saslMessage(sasl));
  }

  #saslMessage(sasl: SaslExchange): string {
    sasl.count += 1;
    if (sasl.mechanism === 'PLAIN') return '{{sasl-plain}}';
    if (sasl.mechanism === 'LOGIN') {
      return sasl.count === 1 ? '{{user-base64}}' : '{{password-base64}}';
    }
    this.#write(
      `# Message ${sasl.count} of ${writeBytes(sasl.mechanism)} is left out, since it may be secret.`,
    );
    return '=';
  }

  /** A line may begin with a space, which the format takes away. */
  #writeClient(written: string): void {
    this.#write(`${this.#marks.client}: ${written.replace(/^ /, '{{\\x20}}')}`);
  }

  #takeResponse(response: ResponseText): void {
    const { text } = response;
    const isContinuation = text.startsWith('+');
    if (isContinuation && this.#loginTag !== undefined) return;
    if (isContinuation && this.#sasl !== undefined) {
      this.#write(`${this.#marks.server}: +`);
      return;
    }
    if (this.#sasl !== undefined && text.startsWith(`${this.#sasl.tag} `)) this.#sasl = undefined;
    const change = (written: string) => this.#changeResponse(written);
    const options = { change, maxLiteralBytes: recordedLiteralBytes };
    for (const line of writeResponse(this.#marks.server, response, options)) this.#write(line);
  }

  /** Times, ids, and numbers that a server chooses anew for each account, are captured or left open. */
  #changeResponse(text: string): string {
    return text
      .replaceAll(/\b(INTERNALDATE|SAVEDATE) "[^"]*"/g, '$1 {{string}}')
      .replaceAll(/\b(MAILBOXID|EMAILID|THREADID) \([^)]*\)/g, '$1 ({{...}})')
      .replaceAll(/\b(UIDVALIDITY|APPENDUID|COPYUID) (\d+)/g, (_, name: string, value: string) => {
        return `${name} ${this.#values.place('uidvalidity', value)}`;
      })
      .replaceAll(/\b(HIGHESTMODSEQ |MODSEQ \(?)(\d+)/g, (_, name: string, value: string) => {
        return `${name}${this.#values.place('modseq', value)}`;
      });
  }

  /** What a client sends back of such numbers. */
  #changeCommand(text: string): string {
    return text
      .replaceAll(
        /\b(CHANGEDSINCE|UNCHANGEDSINCE|MODSEQ) (\d+)/gi,
        (_, name: string, value: string) => {
          return `${name} ${this.#values.use('modseq', value)}`;
        },
      )
      .replaceAll(/\bQRESYNC \((\d+) (\d+)/gi, (_, validity: string, modseq: string) => {
        const values = this.#values;
        return `QRESYNC (${values.use('uidvalidity', validity)} ${values.use('modseq', modseq)}`;
      });
  }
}
