import { partsHeaders } from '../../codec/parts-headers.ts';
import type { Item } from '../core/lane.ts';

/** The longest time that an upload may take, as declared or as met in a record that a producer with other options wrote. */
export class UploadTimeouts {
  #longestMs: number;
  readonly #declaredMs: number;
  readonly #onLonger: (metMs: number, declaredMs: number) => void;

  /** `onLonger` is called once, with the first one that is longer than declared. */
  constructor(declaredMs: number, onLonger: (metMs: number, declaredMs: number) => void) {
    this.#longestMs = declaredMs;
    this.#declaredMs = declaredMs;
    this.#onLonger = onLonger;
  }

  get longestMs(): number {
    return this.#longestMs;
  }

  look(items: readonly Item[]): void {
    for (const { record } of items) {
      for (const { manifest } of partsHeaders(record)) {
        if (manifest.timeoutMs <= this.#longestMs) continue;
        if (this.#longestMs === this.#declaredMs) this.#onLonger(manifest.timeoutMs, this.#declaredMs);
        this.#longestMs = manifest.timeoutMs;
      }
    }
  }
}
