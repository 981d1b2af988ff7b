/** Parts in a row that did not get smaller before most are sent as they are. */
const GIVES_UP_AFTER = 2;
/** Then every so manieth is tried: a body may have another kind of content further on. */
const TRIES_EVERY = 16;
/** A part is worth the reader's time to decompress when it saves an eighth. */
const WORTH_RATIO = 0.875;

/**
 * A piece of so much tells whether to compress the part: compressed whole in vain, it takes 2 ms and memory of its own size,
 * and what is allocated outside of V8's heap makes it collect garbage every few parts.
 */
const SAMPLE_BYTES = 64 * 1024;
/** A sample that saves less is of a part that would not save an eighth. */
const SAMPLE_RATIO = 0.97;

/** Decides which parts of one upload are compressed: pictures, videos and archives do not get smaller for trying. */
export class CompressionGauge {
  #failuresInRow = 0;
  #skippedCount = 0;

  /** Whether to compress the next part. Each call is about one part. */
  shouldTry(): boolean {
    if (this.#failuresInRow < GIVES_UP_AFTER) return true;
    this.#skippedCount += 1;
    if (this.#skippedCount < TRIES_EVERY) return false;
    this.#skippedCount = 0;
    return true;
  }

  /** What to compress before the part is; undefined for one that is small: it is tried itself. */
  sampleOf(content: Buffer): Buffer | undefined {
    if (content.length < 4 * SAMPLE_BYTES) return undefined;
    const from = (content.length - SAMPLE_BYTES) >> 1;
    return content.subarray(from, from + SAMPLE_BYTES);
  }

  /** Whether to compress the part that the sample is of. */
  promises(sampleBytes: number, frameBytes: number): boolean {
    const isWorthIt = frameBytes <= sampleBytes * SAMPLE_RATIO;
    if (!isWorthIt) this.#failuresInRow += 1;
    return isWorthIt;
  }

  /** Whether to send the frame of a part that was tried. */
  pays(contentBytes: number, frameBytes: number): boolean {
    const paid = frameBytes <= contentBytes * WORTH_RATIO;
    this.#failuresInRow = paid ? 0 : this.#failuresInRow + 1;
    return paid;
  }
}
