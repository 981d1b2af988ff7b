import type { TopicPartition } from '../kafka/port.ts';
import type { EngineLink } from './engine-link.ts';
import type { PartitionHooks } from './partition-hooks.ts';

interface Revocation {
  readonly answer: () => void;
  readonly partitions: readonly number[];
  /** Those whose assignment hooks were told of. */
  readonly told: readonly number[];
}

/** Partitions come and go: tells the core, and the user's hooks before and after it. */
export class Handover {
  readonly #link: EngineLink;
  readonly #hooks: PartitionHooks;
  readonly #revocations = new Map<number, Revocation>();
  #count = 0;

  constructor(link: EngineLink, hooks: PartitionHooks) {
    this.#link = link;
    this.#hooks = hooks;
  }

  assigned(given: readonly TopicPartition[]): void {
    const { core, events, tell } = this.#link;
    const partitions = numbersOf(given);
    events.emit('partitions-assigned', { partitions });
    if (this.#hooks.none) {
      tell((at) => core.assigned(at, partitions));
      return;
    }
    // Not in the background: a hook that never settles does not hold up the worker's end.
    void this.#hooks.assigned(partitions).then((kept) => {
      if (kept.length > 0) tell((at) => core.assigned(at, kept));
    });
  }

  revoked(given: readonly TopicPartition[], answer: () => void): void {
    const { core, events, tell } = this.#link;
    const partitions = numbersOf(given);
    this.#count += 1;
    const id = this.#count;
    this.#revocations.set(id, { answer, partitions, told: this.#hooks.leaving(partitions) });
    events.emit('partitions-revoked', { partitions });
    tell((at) => core.revoked(at, id, partitions));
  }

  lost(given: readonly TopicPartition[]): void {
    const { core, events, tell, inBackground } = this.#link;
    const partitions = numbersOf(given);
    events.emit('partitions-lost', { partitions });
    inBackground(this.#hooks.revoked(this.#hooks.leaving(partitions), 'lost'));
    tell((at) => core.lost(at, partitions));
  }

  /** The core has nothing left to do for a revoke. */
  answer(id: number): void {
    const { core, events, inBackground } = this.#link;
    const revocation = this.#revocations.get(id);
    this.#revocations.delete(id);
    if (revocation === undefined) return;
    const { answer, partitions, told } = revocation;
    const release = (): void => {
      answer();
      events.emit('partitions-released', { partitions });
    };
    if (told.length === 0) release();
    else inBackground(this.#hooks.revoked(told, core.state.stopping ? 'stopped' : 'revoked').then(release));
  }

  /** The worker ends: what it still has, it has lost. */
  close(): void {
    this.#link.inBackground(this.#hooks.close());
  }
}

function numbersOf(partitions: readonly TopicPartition[]): number[] {
  return partitions.map(({ partition }) => partition);
}
