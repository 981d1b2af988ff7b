import { PartsLostError } from '../errors/body-errors.ts';
import { PartDamagedError } from '../errors/part-errors.ts';
import type { IncomingRecord } from '../kafka/port.ts';
import { MAX_CODEC_OVERHEAD_BYTES } from './codec-limits.ts';
import { combineCrc32c } from './crc32c.ts';
import { type BodyManifest, partLength } from './manifest.ts';
import { type CodedPart, type PartLimits, readPartContent, readPartHead } from './part.ts';

/** How parts are read that may have gone through a codec. */
export type PartReading = PartLimits['decoding'];

/** A part that was read and checked. */
export interface ReadPart {
  readonly index: number;
  readonly content: Buffer;
  /** CRC32C of the content; of a coded part, of what is stored. */
  readonly crc: number;
  /** The content's lz4 frame, when it came as one. */
  readonly frame: Buffer | undefined;
  /** As it is stored, when it went through a codec; read `as-stored`, `content` is the same. */
  readonly coded: CodedPart | undefined;
}

/**
 * Puts an upload together again from the records between its first and its last part: others' are passed over, and of a
 * part that is there twice the first good one counts. What it gives out is in order and has been checked, and the last
 * part comes only when the whole has been checked too.
 */
export class PartList {
  readonly #topic: string;
  readonly #manifest: BodyManifest;
  readonly #decoding: PartReading;
  /** Parts given out, and the CRC of their content. */
  #next = 0;
  #crc = 0;
  /** The upload that the parts were coded as, which may be another one's copy; undefined before the first part. */
  #codedAs: string | undefined;
  /** The first bad copy of the part that is wanted now. */
  #damage: unknown;

  constructor(topic: string, manifest: BodyManifest, decoding?: PartReading) {
    this.#topic = topic;
    this.#manifest = manifest;
    this.#decoding = decoding;
  }

  get isComplete(): boolean {
    return this.#next === this.#manifest.count;
  }

  /** Whether the record belongs to the upload, or says so. One that is larger than any part can be does not: it would be kept. */
  isOurs(record: IncomingRecord): boolean {
    const { upload, partBytes } = this.#manifest;
    if ((record.value?.length ?? 0) > partBytes + MAX_CODEC_OVERHEAD_BYTES) return false;
    return readPartHead(record)?.upload === upload;
  }

  /**
   * The part, when this is a good copy of the next one.
   *
   * @throws PartsLostError when all parts are there and are not what was written; what the decoding throws.
   */
  async take(record: IncomingRecord): Promise<ReadPart | undefined> {
    const { upload, crc } = this.#manifest;
    const head = readPartHead(record);
    if (head === undefined || head.upload !== upload || head.index !== this.#next) return undefined;
    const content = await this.#read(record, head);
    if (content === undefined) return undefined;
    const checked = head.codedBy === undefined ? content : record.value;
    const whole = combineCrc32c(this.#crc, head.crc, checked?.length ?? 0);
    const isLast = this.#next === this.#manifest.count - 1;
    if (isLast && whole !== crc) throw this.lost(`the CRC32C of the whole is ${whole} instead of ${crc}`);
    this.#crc = whole;
    this.#codedAs = head.codedAs;
    this.#next += 1;
    this.#damage = undefined;
    const { index, codec, codedBy, codedAs, lengthBytes } = head;
    const bytes = record.value ?? content;
    const frame = codec === 'lz4f' && codedBy === undefined ? bytes : undefined;
    const coded =
      codedBy === undefined ? undefined : { by: codedBy, upload: codedAs, bytes, codec, lengthBytes };
    return { index, content, crc: head.crc, frame, coded };
  }

  /** Undefined for a damaged one: there may be another one. */
  async #read(
    record: IncomingRecord,
    head: NonNullable<ReturnType<typeof readPartHead>>,
  ): Promise<Buffer | undefined> {
    try {
      const wanted = partLength(this.#manifest, head.index);
      if (head.lengthBytes !== wanted) {
        const reason = `it declares ${head.lengthBytes} bytes; the task's record says ${wanted}`;
        throw new PartDamagedError(record, reason);
      }
      // Parts of two uploads of a task would each be genuine, and together nothing that was ever written.
      if (head.codedAs !== (this.#codedAs ?? head.codedAs)) {
        throw new PartDamagedError(
          record,
          `it was coded as a part of ${head.codedAs}, others of ${this.#codedAs}`,
        );
      }
      return await readPartContent(record, head, { maxPartBytes: wanted, decoding: this.#decoding });
    } catch (error) {
      if (!(error instanceof PartDamagedError)) throw error;
      this.#damage ??= error;
      return undefined;
    }
  }

  /** The part that is wanted next cannot be had. */
  lost(reason: string): PartsLostError {
    const { upload, partition, from, to, count } = this.#manifest;
    const { object } = this.#manifest;
    const place = { topic: this.#topic, partition, upload, from, to, part: this.#next, parts: count, object };
    const damage = this.#damage;
    return new PartsLostError(
      place,
      damage instanceof Error ? `it is damaged (see cause), and ${reason}` : reason,
      damage,
    );
  }
}
