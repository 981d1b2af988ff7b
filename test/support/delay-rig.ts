import type { Postponed } from '../../src/worker/core/delaying.ts';
import type { Item } from '../../src/worker/core/lane.ts';
import type { PartitionState } from '../../src/worker/core/partition-state.ts';
import { CoreRig, itemOf } from './core-rig.ts';

/** A partition whose log grows when tasks are appended again. */
export class DelayRig {
  readonly notBefore = new Map<string, number>();
  readonly rig: CoreRig;
  readonly partition: PartitionState;
  #end = 0;

  constructor(concurrency = 4) {
    this.rig = new CoreRig({ concurrency, notBeforeMs: ({ key }) => this.notBefore.get(key) });
    this.partition = this.rig.take(0);
  }

  /** Tasks of these keys, due so long from now. */
  add(keys: readonly string[], delayMs?: number): void {
    for (const key of keys) if (delayMs !== undefined) this.notBefore.set(key, this.rig.at.wallMs + delayMs);
    const items = keys.map((key, i): Item => itemOf(this.#end + i, key));
    this.#end += keys.length;
    this.rig.records(this.partition, items);
  }

  /** Effects that were not answered yet. */
  get postponing(): readonly Postponed[] {
    return this.rig
      .of('postpone')
      .slice(this.#answered)
      .map(({ postponed }) => postponed);
  }

  #answered = 0;

  /** The brokers have them; the tail brings them again, before or after that is known. */
  append(tailFirst = false): number {
    const { postponing, rig, partition } = this;
    this.#answered += postponing.length;
    for (const postponed of postponing) {
      const again = (): void => this.add([postponed.item.key]);
      if (tailFirst) again();
      rig.tell((core, at) => core.postponed(at, partition, postponed));
      if (!tailFirst) again();
    }
    return postponing.length;
  }

  finishAll(): void {
    while (this.rig.running[0] !== undefined) this.rig.finish(this.rig.running[0]);
  }

  get frontier(): number {
    return this.partition.commitState('').frontier;
  }
}
