import type { PayloadCodec } from '../../codec/payload-codec.ts';

/** A call of a codec or a schema that takes longer is told to end. A key service would have answered, or failed, long before. */
const READ_LIMIT_MS = 60_000;

interface Call {
  readonly beganMs: number;
}

/**
 * What users' code does to read the content of one start: codecs and schemas. Their promises are watched like those of
 * handlers, and a start ends only when they have settled, whoever has stopped waiting for them.
 */
export class UserReads {
  readonly #nowMs: () => number;
  /** The oldest first. */
  readonly #underWay = new Set<Call>();
  #onIdle: () => void = () => {};

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  during<T>(call: () => T | Promise<T>): T | Promise<T> {
    const made = call();
    if (!(made instanceof Promise)) return made;
    const one = { beganMs: this.#nowMs() };
    this.#underWay.add(one);
    const settled = (): void => {
      this.#underWay.delete(one);
      if (this.#underWay.size === 0) this.#onIdle();
    };
    made.then(settled, settled);
    return made;
  }

  /** One of them has taken too long. */
  isOverdue(nowMs: number): boolean {
    const [oldest] = this.#underWay;
    return oldest !== undefined && nowMs - oldest.beganMs >= READ_LIMIT_MS;
  }

  /** Resolves when none is under way; undefined when that is so now. Asked for once. */
  idle(): Promise<void> | undefined {
    if (this.#underWay.size === 0) return undefined;
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }
}

/** The codec, decoding as one of the `reads` and under their signal. */
export function watchedCodec(codec: PayloadCodec, reads: UserReads, signal: AbortSignal): PayloadCodec {
  return {
    name: codec.name,
    encode: (bytes, about) => codec.encode(bytes, about),
    decode: (bytes, about) =>
      reads.during(() => {
        const made = codec.decode(bytes, about, signal);
        return made instanceof Uint8Array ? made : Promise.resolve(made);
      }),
  };
}
