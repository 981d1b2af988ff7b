import type { OpenBody } from '../producer/upload/open-body.ts';

/** Streams that are being enqueued: their sources may bring something or not, for as long as they please. */
export class OpenStreams {
  readonly #open = new Map<OpenBody, AbortController>();

  /** The signal for its call: aborts with the caller's, and when it is cut off. */
  add(body: OpenBody, signal: AbortSignal | undefined): AbortSignal {
    const cutting = new AbortController();
    this.#open.set(body, cutting);
    return signal === undefined ? cutting.signal : AbortSignal.any([signal, cutting.signal]);
  }

  /** Its call was answered. */
  delete(body: OpenBody): void {
    this.#open.delete(body);
  }

  /** Ends those that were not read to their end. The others wait for Kafka alone. */
  cutOff(reason: Error): void {
    for (const [body, cutting] of this.#open) {
      if (!body.isEnded) cutting.abort(reason);
    }
  }
}
