/** What ENVELOPE and BODYSTRUCTURE say, as JSON: `NIL` is null, a list an array, a literal a string. */
export type WireData = string | number | null | WireData[];

/** Reads an envelope exactly as RFC 3501, section 9 writes it; throws for any byte that is not allowed. */
export function parseEnvelope(wire: string): WireData {
  const reader = new WireGrammar(wire);
  const envelope = reader.envelope();
  reader.end();
  return envelope;
}

/** Reads a BODYSTRUCTURE, with or without extension data, exactly as RFC 3501, section 9 writes it. */
export function parseBody(wire: string, isExtended: boolean): WireData {
  const reader = new WireGrammar(wire);
  const body = reader.body(isExtended);
  reader.end();
  return body;
}

class WireGrammar {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  envelope(): WireData {
    this.#expect('(');
    const envelope: WireData[] = [this.#nstring(), this.#spaced(() => this.#nstring())];
    for (let count = 0; count < 6; count++) envelope.push(this.#spaced(() => this.#addresses()));
    envelope.push(
      this.#spaced(() => this.#nstring()),
      this.#spaced(() => this.#nstring()),
    );
    this.#expect(')');
    return envelope;
  }

  body(isExtended: boolean): WireData {
    this.#expect('(');
    const body = this.#sees('(') ? this.#multipart(isExtended) : this.#onePart(isExtended);
    this.#expect(')');
    return body;
  }

  end(): void {
    if (this.#position !== this.#text.length) this.#fail('the end');
  }

  #multipart(isExtended: boolean): WireData[] {
    const children: WireData[] = [];
    while (this.#sees('(')) children.push(this.body(isExtended));
    const parts: WireData[] = [children, this.#spaced(() => this.#string())];
    if (isExtended)
      parts.push(
        this.#spaced(() => this.#parameters()),
        ...this.#extension(),
      );
    return parts;
  }

  #onePart(isExtended: boolean): WireData[] {
    const type = this.#string();
    const subtype = this.#spaced(() => this.#string());
    const parts: WireData[] = [
      type,
      subtype,
      this.#spaced(() => this.#parameters()),
      this.#spaced(() => this.#nstring()),
      this.#spaced(() => this.#nstring()),
      this.#spaced(() => this.#string()),
      this.#spaced(() => this.#number()),
    ];
    if (type === 'message' && subtype === 'rfc822') {
      parts.push(
        this.#spaced(() => this.envelope()),
        this.#spaced(() => this.body(isExtended)),
        this.#spaced(() => this.#number()),
      );
    } else if (type === 'text') {
      parts.push(this.#spaced(() => this.#number()));
    }
    if (isExtended)
      parts.push(
        this.#spaced(() => this.#nstring()),
        ...this.#extension(),
      );
    return parts;
  }

  #extension(): WireData[] {
    return [
      this.#spaced(() => this.#disposition()),
      this.#spaced(() => (this.#sees('(') ? this.#list(() => this.#string()) : this.#nstring())),
      this.#spaced(() => this.#nstring()),
    ];
  }

  #disposition(): WireData {
    if (!this.#sees('(')) return this.#nil();
    this.#expect('(');
    const disposition = [this.#string(), this.#spaced(() => this.#parameters())];
    this.#expect(')');
    return disposition;
  }

  #parameters(): WireData {
    if (!this.#sees('(')) return this.#nil();
    const list = this.#list(() => this.#string());
    if (list.length % 2 !== 0) this.#fail('a parameter value');
    return list;
  }

  /** Addresses stand in their list without spaces. */
  #addresses(): WireData {
    if (!this.#sees('(')) return this.#nil();
    this.#expect('(');
    const addresses: WireData[] = [];
    do {
      const address = this.#list(() => this.#nstring());
      if (address.length !== 4) this.#fail('an address of four');
      addresses.push(address);
    } while (this.#sees('('));
    this.#expect(')');
    return addresses;
  }

  #list(item: () => WireData): WireData[] {
    this.#expect('(');
    const items = [item()];
    while (this.#sees(' ')) items.push(this.#spaced(item));
    this.#expect(')');
    return items;
  }

  #spaced<T>(rule: () => T): T {
    this.#expect(' ');
    return rule();
  }

  #nstring(): string | null {
    return this.#sees('"') || this.#sees('{') ? this.#string() : this.#nil();
  }

  #nil(): null {
    this.#expect('NIL');
    return null;
  }

  #string(): string {
    if (this.#sees('{')) return this.#literal();
    const [whole, content = ''] = this.#match(
      /"((?:[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7f]|\\["\\])*)"/y,
    );
    this.#position += whole.length;
    return content.replace(/\\(["\\])/g, '$1');
  }

  #literal(): string {
    const [head, digits] = this.#match(/\{(\d+)\}\r\n/y);
    const start = this.#position + head.length;
    this.#position = start + Number(digits);
    const content = this.#text.slice(start, this.#position);
    if (content.length !== Number(digits) || /[\0\u0100-\uffff]/.test(content)) this.#fail('CHAR8');
    return content;
  }

  #number(): number {
    const [digits] = this.#match(/\d+/y);
    this.#position += digits.length;
    return Number(digits);
  }

  #match(pattern: RegExp): RegExpExecArray {
    pattern.lastIndex = this.#position;
    return pattern.exec(this.#text) ?? this.#fail(String(pattern));
  }

  #sees(text: string): boolean {
    return this.#text.startsWith(text, this.#position);
  }

  #expect(text: string): void {
    if (!this.#sees(text)) this.#fail(text);
    this.#position += text.length;
  }

  #fail(wanted: string): never {
    const found = this.#text.slice(this.#position, this.#position + 40);
    throw new Error(`Cannot parse "${found}" at ${this.#position}: wanted ${wanted}`);
  }
}
