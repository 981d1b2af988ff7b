import { TaskAbortedError, type TaskAbortReason } from '../../errors/control-errors.ts';

/** How a running task is told to end. */
export class TaskSignals {
  #hard: AbortController | undefined;
  #soft: AbortController | undefined;
  #reason: TaskAbortReason | undefined;
  #draining = false;
  /** Called once, when it begins to drain. */
  onDrain: (() => void) | undefined;

  /** Made when first asked for: most handlers never look. */
  get signal(): AbortSignal {
    if (this.#hard === undefined) {
      this.#hard = new AbortController();
      if (this.#reason !== undefined) this.#hard.abort(new TaskAbortedError(this.#reason));
    }
    return this.#hard.signal;
  }

  get draining(): AbortSignal {
    if (this.#soft === undefined) {
      this.#soft = new AbortController();
      if (this.#draining) this.#soft.abort();
    }
    return this.#soft.signal;
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  get aborted(): TaskAbortReason | undefined {
    return this.#reason;
  }

  /** The first reason stands. */
  abort(reason: TaskAbortReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.drain();
    this.#hard?.abort(new TaskAbortedError(reason));
  }

  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#soft?.abort();
    this.onDrain?.();
  }
}
