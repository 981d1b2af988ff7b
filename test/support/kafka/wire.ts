/** Reads Kafka's primitive types off a buffer, front to back. */
export class WireReader {
  readonly buffer: Buffer;
  offset: number;

  constructor(buffer: Buffer, offset = 0) {
    this.buffer = buffer;
    this.offset = offset;
  }

  int8(): number {
    this.offset += 1;
    return this.buffer.readInt8(this.offset - 1);
  }

  int16(): number {
    this.offset += 2;
    return this.buffer.readInt16BE(this.offset - 2);
  }

  int32(): number {
    this.offset += 4;
    return this.buffer.readInt32BE(this.offset - 4);
  }

  uvarint(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.buffer.readUInt8(this.offset);
      this.offset += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 0x80;
    }
  }

  /** The next bytes as they are. */
  raw(length: number): Buffer {
    const end = this.offset + length;
    if (end > this.buffer.length)
      throw new RangeError(`${length} bytes wanted, ${this.buffer.length - this.offset} left`);
    const bytes = this.buffer.subarray(this.offset, end);
    this.offset = end;
    return bytes;
  }

  /** A nullable string, in the form that flexible (`compact`) or older versions use. */
  string(compact: boolean): string | null {
    const length = compact ? this.uvarint() - 1 : this.int16();
    return length < 0 ? null : this.raw(length).toString('utf8');
  }

  /** An array's length; -1 for null. */
  arrayLength(compact: boolean): number {
    return compact ? this.uvarint() - 1 : this.int32();
  }

  array<T>(compact: boolean, element: () => T): T[] {
    const length = this.arrayLength(compact);
    const elements: T[] = [];
    for (let index = 0; index < length; index++) elements.push(element());
    return elements;
  }

  /** Tagged fields, kept as they came. */
  tags(compact: boolean): Buffer {
    if (!compact) return Buffer.alloc(0);
    const start = this.offset;
    const count = this.uvarint();
    for (let index = 0; index < count; index++) {
      this.uvarint();
      this.raw(this.uvarint());
    }
    return this.buffer.subarray(start, this.offset);
  }

  /** Everything that is left. */
  rest(): Buffer {
    return this.raw(this.buffer.length - this.offset);
  }
}

/** Writes Kafka's primitive types, the counterpart of {@link WireReader}. */
export class WireWriter {
  readonly #chunks: Buffer[] = [];

  int8(value: number): this {
    const bytes = Buffer.alloc(1);
    bytes.writeInt8(value);
    return this.raw(bytes);
  }

  int16(value: number): this {
    const bytes = Buffer.alloc(2);
    bytes.writeInt16BE(value);
    return this.raw(bytes);
  }

  int32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return this.raw(bytes);
  }

  uvarint(value: number): this {
    const bytes: number[] = [];
    let left = value;
    while (left >= 0x80) {
      bytes.push((left % 0x80) | 0x80);
      left = Math.floor(left / 0x80);
    }
    bytes.push(left);
    return this.raw(Buffer.from(bytes));
  }

  raw(bytes: Buffer): this {
    this.#chunks.push(bytes);
    return this;
  }

  string(compact: boolean, value: string | null): this {
    const bytes = value === null ? undefined : Buffer.from(value, 'utf8');
    const length = bytes?.length ?? -1;
    if (compact) this.uvarint(length + 1);
    else this.int16(length);
    return bytes === undefined ? this : this.raw(bytes);
  }

  arrayLength(compact: boolean, length: number): this {
    return compact ? this.uvarint(length + 1) : this.int32(length);
  }

  array<T>(compact: boolean, elements: readonly T[], write: (element: T) => void): this {
    this.arrayLength(compact, elements.length);
    for (const element of elements) write(element);
    return this;
  }

  /** No tagged fields; nothing at all in versions that know none. */
  noTags(compact: boolean): this {
    return compact ? this.uvarint(0) : this;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}
