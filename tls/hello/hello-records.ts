import { tlsLimits } from '../limits.ts';

/**
 * Why the first bytes of a connection are no ClientHello:
 *
 * - `notTls`: they don't begin a TLS handshake; `isClearText` if they are text, as of a client that speaks in the clear
 * - `tooLarge`: the hello is longer than the bound
 * - `malformed`: a hello whose records break a rule of TLS
 *
 * `alert` is the number of the alert that TLS answers with.
 *
 * @see RFC 8446, section 6.2
 */
export type HelloFault =
  | { readonly kind: 'notTls'; readonly alert: number; readonly isClearText: boolean }
  | { readonly kind: 'tooLarge' | 'malformed'; readonly alert: number };

/** Numbers of alerts. @see RFC 8446, section 6 */
export const alerts = {
  unexpectedMessage: 10,
  recordOverflow: 22,
  illegalParameter: 47,
  decodeError: 50,
  protocolVersion: 70,
  internalError: 80,
} as const;

/** A fatal alert with this number, in the clear, as before a handshake. */
export function alertRecord(alert: number): Uint8Array {
  return Uint8Array.of(21, 3, 3, 0, 2, 2, alert);
}

/** What clients of TLS are told for whom there is no room. */
export const noRoomAlert: Uint8Array = alertRecord(alerts.internalError);

const recordHeaderBytes = 5;
const messageHeaderBytes = 4;
const handshakeRecord = 22;
const majorVersion = 3;
const clientHelloMessage = 1;
const longestFragment = 2 ** 14;
/** A buffer that is to grow begins with so many bytes, if the hello is not shorter. */
const firstBufferBytes = 512;

/**
 * Gathers the first handshake message of a connection from its records, however these and the bytes of them are cut.
 * It looks at each byte once. It keeps the message alone, in a buffer that grows with what has come: with one byte a
 * record, the records have six times as many bytes as the message.
 *
 * @see RFC 8446, section 5.1
 */
export class HelloRecords {
  readonly #maxBytes: number;
  /** What has come of the header of the present record: its bytes as one number, and how many they are. */
  #header = 0;
  #headerBytes = 0;
  /** Bytes that the present record announces, and those of them that have not come. */
  #recordBytes = 0;
  #missingBytes = 0;
  /** Where in the message the present record begins. */
  #recordStart = 0;
  #minorVersion = 0;
  /** Holds the message, from `#start` to `#end`: a view on a single chunk, or our own. */
  #bytes: Buffer | undefined;
  #isOwn = false;
  #start = 0;
  #end = 0;
  #wantedBytes = messageHeaderBytes;
  /** The chunk that the message ends in, and where. */
  #lastChunk: Buffer | undefined;
  #restStart = 0;

  /** @param maxBytes - of the message, without its header */
  constructor(maxBytes: number = tlsLimits.helloBytes) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of memory that are held. */
  get heldBytes(): number {
    return this.#bytes?.length ?? 0;
  }

  /** The message without its header, once it is complete; a view. */
  get body(): Uint8Array {
    return this.#bytes!.subarray(this.#start + messageHeaderBytes, this.#end);
  }

  /**
   * Takes the next bytes; none after anything but `incomplete`.
   *
   * @param chunk - not changed by its owner afterwards
   */
  push(chunk: Buffer): 'incomplete' | 'complete' | HelloFault {
    for (let at = 0; at < chunk.length;) {
      if (this.#missingBytes === 0) {
        const fault = this.#readHeaderByte(chunk[at]!);
        if (fault !== undefined) return fault;
        at += 1;
        continue;
      }
      const wanted = Math.min(this.#missingBytes, this.#wantedBytes - this.#length);
      const end = Math.min(at + wanted, chunk.length);
      this.#append(chunk, at, end);
      this.#missingBytes -= end - at;
      at = end;
      const fault = this.#readMessageHeader();
      if (fault !== undefined) return fault;
      if (this.#length === this.#wantedBytes) {
        this.#lastChunk = chunk;
        this.#restStart = at;
        return 'complete';
      }
    }
    // So that the chunk, which may be longer, can go.
    if (this.#bytes !== undefined && !this.#isOwn) this.#grow(this.#length);
    return 'incomplete';
  }

  /**
   * All that TLS has to read, once the message is complete, in order: the hello in as few records as it needs, and what
   * came behind it. The framing in records is no part of what a handshake proves, but for the last record: what
   * is in it behind the hello stays in it, for TLS to refuse.
   */
  takeInput(): readonly Buffer[] {
    const chunk = this.#lastChunk!;
    // One record in one piece, header and all.
    if (!this.#isOwn && this.#start === recordHeaderBytes) return [chunk];
    const rest = chunk.subarray(this.#restStart);
    return rest.length === 0 ? [this.#reframe()] : [this.#reframe(), rest];
  }

  get #length(): number {
    return this.#end - this.#start;
  }

  #readHeaderByte(byte: number): HelloFault | undefined {
    const isFirst = this.#recordBytes === 0;
    this.#header = this.#header * 256 + byte;
    this.#headerBytes += 1;
    if (this.#headerBytes === 1 && byte !== handshakeRecord) {
      return isFirst ? notTls(byte) : malformed(alerts.unexpectedMessage);
    }
    if (this.#headerBytes === 2 && byte !== majorVersion) {
      const alert = alerts.protocolVersion;
      return isFirst ? { kind: 'notTls', alert, isClearText: false } : malformed(alert);
    }
    if (this.#headerBytes === 3 && isFirst) this.#minorVersion = byte;
    if (this.#headerBytes < recordHeaderBytes) return undefined;
    const length = this.#header % 0x1_0000;
    if (length === 0) return malformed(alerts.unexpectedMessage);
    if (length > longestFragment) return malformed(alerts.recordOverflow);
    this.#header = 0;
    this.#headerBytes = 0;
    this.#recordBytes = length;
    this.#missingBytes = length;
    this.#recordStart = this.#length;
    return undefined;
  }

  #readMessageHeader(): HelloFault | undefined {
    const bytes = this.#bytes!;
    const start = this.#start;
    if (bytes[start] !== clientHelloMessage) {
      return { kind: 'notTls', alert: alerts.unexpectedMessage, isClearText: false };
    }
    if (this.#length !== messageHeaderBytes) return undefined;
    const bodyBytes = bytes.readUIntBE(start + 1, 3);
    if (bodyBytes > this.#maxBytes) return { kind: 'tooLarge', alert: alerts.illegalParameter };
    this.#wantedBytes = messageHeaderBytes + bodyBytes;
    return undefined;
  }

  /** Adds a part of a chunk to the message: by a view if what came before lies right before it, or else as a copy. */
  #append(chunk: Buffer, start: number, end: number): void {
    if (this.#bytes === undefined) {
      this.#bytes = chunk;
      this.#start = start;
      this.#end = end;
      return;
    }
    if (!this.#isOwn && this.#bytes === chunk && this.#end === start) {
      this.#end = end;
      return;
    }
    const neededBytes = this.#length + end - start;
    if (!this.#isOwn || this.#bytes.length < neededBytes) this.#grow(neededBytes);
    this.#end += chunk.copy(this.#bytes, this.#end, start, end);
  }

  /** Moves the message into a larger buffer of our own. */
  #grow(neededBytes: number): void {
    const sizeBytes = Math.max(2 * neededBytes, firstBufferBytes);
    // While its length is not known, all is wanted that a short hello has.
    const isKnown = this.#length >= messageHeaderBytes;
    const bytes = Buffer.allocUnsafeSlow(
      isKnown ? Math.min(sizeBytes, Math.max(this.#wantedBytes, neededBytes)) : sizeBytes,
    );
    this.#end = this.#bytes!.copy(bytes, 0, this.#start, this.#end);
    this.#bytes = bytes;
    this.#start = 0;
    this.#isOwn = true;
  }

  #reframe(): Buffer {
    const message = this.#bytes!.subarray(this.#start, this.#end);
    const recordCount = Math.ceil(this.#recordStart / longestFragment) + 1;
    const records = Buffer.allocUnsafeSlow(message.length + recordCount * recordHeaderBytes);
    let at = 0;
    const write = (start: number, end: number, recordBytes: number): void => {
      records.writeUIntBE(
        handshakeRecord * 0x1_0000 + majorVersion * 256 + this.#minorVersion,
        at,
        3,
      );
      records.writeUInt16BE(recordBytes, at + 3);
      message.copy(records, at + recordHeaderBytes, start, end);
      at += recordHeaderBytes + end - start;
    };
    for (let start = 0; start < this.#recordStart; start += longestFragment) {
      const end = Math.min(start + longestFragment, this.#recordStart);
      write(start, end, end - start);
    }
    write(this.#recordStart, message.length, this.#recordBytes);
    return records;
  }
}

function malformed(alert: number): HelloFault {
  return { kind: 'malformed', alert };
}

/** @param byte - the first of the connection */
function notTls(byte: number): HelloFault {
  const isClearText = (byte >= 0x20 && byte < 0x7f) || byte === 0x0d || byte === 0x0a;
  // A hello of SSL 2.0 begins with its length, whose highest bit is set (RFC 6176, section 2).
  const alert = byte >= 0x80 ? alerts.protocolVersion : alerts.unexpectedMessage;
  return { kind: 'notTls', alert, isClearText };
}
