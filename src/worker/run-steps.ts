import type { Effect } from './core/effects.ts';
import type { LiveKeys } from './core/live-keys.ts';
import type { EngineLink } from './engine-link.ts';
import type { TaskRunner } from './running/task-runner.ts';

type RunEffect = Extract<Effect, { readonly kind: 'start' | 'drain' | 'abort' | 'await-key' }>;

/** Starts handlers and tells them to end. Their ends come from the runner. */
export class RunSteps {
  readonly #link: EngineLink;
  readonly #runner: TaskRunner;
  readonly #liveKeys: LiveKeys;

  constructor(link: EngineLink, runner: TaskRunner, liveKeys: LiveKeys) {
    this.#link = link;
    this.#runner = runner;
    this.#liveKeys = liveKeys;
  }

  carryOut(effect: RunEffect): void {
    switch (effect.kind) {
      case 'start':
        this.#runner.start(effect.run);
        return;
      case 'drain':
        this.#runner.drain(effect.run);
        return;
      case 'abort':
        this.#runner.abort(effect.run, effect.reason);
        return;
      case 'await-key':
        this.#awaitKey(effect);
    }
  }

  /** Told in a turn of its own: the key may be freed while this or another worker's core is at work. */
  #awaitKey({ partition, lane }: Extract<Effect, { kind: 'await-key' }>): void {
    const { core, tell } = this.#link;
    const freed = (): void => queueMicrotask(() => tell((at) => core.keyFreed(at, partition, lane)));
    this.#liveKeys.whenFree(core.state.keyName(lane), freed);
  }
}
