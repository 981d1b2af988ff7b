/** Parts in a row that did not get smaller before most are sent as they are. */
const GIVES_UP_AFTER = 2;
/** Then every so manieth is tried: a body may have another kind of content further on. */
const TRIES_EVERY = 16;
/** A part is worth the reader's time to decompress when it saves an eighth. */
const WORTH_RATIO = 0.875;

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

  /** Whether to send the frame of a part that was tried. */
  pays(contentBytes: number, frameBytes: number): boolean {
    const paid = frameBytes <= contentBytes * WORTH_RATIO;
    this.#failuresInRow = paid ? 0 : this.#failuresInRow + 1;
    return paid;
  }
}
