export interface PartLimits {
  /** Parts of one upload that may be on their way at once. */
  readonly perUpload: number;
  /** Parts of all uploads. One of each is let through beyond it: uploads to partitions without a leader may hold all of them. */
  readonly inAll: number;
}

interface Waiter {
  readonly upload: string;
  readonly perUpload: number;
  readonly admit: () => void;
}

/** Bounds how many parts are on their way to the brokers, and with them what uploads hold in memory. */
export class PartsUnderWay {
  readonly #limits: PartLimits;
  readonly #counts = new Map<string, number>();
  readonly #waiting = new Set<Waiter>();
  #count = 0;

  constructor(limits: PartLimits) {
    this.#limits = limits;
  }

  /** Waits until one more part of the upload may go, of `perUpload` at once at most; rejects with the signal's reason when it aborts before. */
  enter(upload: string, signal: AbortSignal, perUpload = this.#limits.perUpload): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#mayGo({ upload, perUpload })) {
      this.#take(upload);
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        this.#waiting.delete(waiter);
        reject(signal.reason);
      };
      const admit = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const waiter: Waiter = { upload, perUpload, admit };
      this.#waiting.add(waiter);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** A part of the upload is no longer on its way. */
  leave(upload: string): void {
    const left = this.#countOf(upload) - 1;
    if (left === 0) this.#counts.delete(upload);
    else this.#counts.set(upload, left);
    this.#count -= 1;
    for (const waiter of this.#waiting) {
      if (!this.#mayGo(waiter)) continue;
      this.#waiting.delete(waiter);
      this.#take(waiter.upload);
      waiter.admit();
    }
  }

  #mayGo({ upload, perUpload }: Pick<Waiter, 'upload' | 'perUpload'>): boolean {
    const count = this.#countOf(upload);
    return count === 0 || (count < perUpload && this.#count < this.#limits.inAll);
  }

  #take(upload: string): void {
    this.#counts.set(upload, this.#countOf(upload) + 1);
    this.#count += 1;
  }

  #countOf(upload: string): number {
    return this.#counts.get(upload) ?? 0;
  }
}
