import { foldJournal, type WrittenEntry } from '../../../src/journal/journal.ts';
import { decodeMetadata } from '../../../src/worker/core/commit-metadata.ts';
import type { Effect } from '../../../src/worker/core/effects.ts';
import type { TakingFinding } from '../../../src/worker/core/judge-taking.ts';
import type { SeededRandom } from '../../checker/seeded-random.ts';
import type { CrashPlan } from './crash-plan.ts';

interface Task {
  readonly key: string;
  readonly kills: boolean;
  ended: number;
}

/** A partition of a queue as it is outside of all processes: its log, its journal, and what is committed. */
export class Shard {
  readonly queue: number;
  readonly number: number;
  readonly log: Task[] = [];
  stored: { readonly offset: number; readonly metadata: string } | undefined;
  readonly #journal: WrittenEntry[] = [];

  constructor(queue: number, number: number) {
    this.queue = queue;
    this.number = number;
  }

  nameOf(offset: number): string {
    return `${this.queue}/${this.number}@${offset}`;
  }

  /** What the commit that is stored says of what may have been started: nothing from here on. */
  get horizon(): number {
    const read = decodeMetadata(this.stored?.metadata ?? '', this.stored?.offset ?? 0);
    return read.kind === 'state' ? read.state.horizon : 0;
  }

  /** Returns the epoch. */
  claim(): number {
    const offset = this.#journal.length;
    this.#journal.push({ kind: 'claim', group: 'g', partition: this.number, by: 'w', offset });
    return offset;
  }

  confirm({ partition, frontier, reason }: Extract<Effect, { kind: 'confirm' }>): void {
    this.#journal.push({
      kind: 'confirm',
      group: 'g',
      partition: this.number,
      epoch: partition.epoch,
      frontier,
      topicId: 't',
      reason,
      offset: this.#journal.length,
    });
  }

  inspect(epoch: number): TakingFinding {
    const history = foldJournal(this.#journal);
    return {
      epoch,
      committed: this.stored,
      history,
      lastWord: history.lastWord,
      logStart: 0,
      logEnd: this.log.length,
      leaderEnds: new Map(),
      topicId: 't',
      statePin: 's',
    };
  }
}

/** All partitions, and what was enqueued: tasks of few keys, and between them those that end their process. */
export function shardsOf(plan: CrashPlan, random: SeededRandom): readonly Shard[] {
  const shards: Shard[] = [];
  for (let queue = 0; queue < plan.queues; queue += 1) {
    for (let number = 0; number < plan.partitions; number += 1) shards.push(new Shard(queue, number));
  }
  for (let i = 0; i < plan.tasks; i += 1) {
    const key = random.below(plan.keys);
    shards[key % shards.length]?.log.push({ key: `key-${key}`, kills: false, ended: 0 });
  }
  for (let i = 0; i < plan.killers; i += 1) {
    const { log } = random.pick(shards) ?? { log: [] };
    log.splice(random.below(log.length + 1), 0, { key: `killer-${i}`, kills: true, ended: 0 });
  }
  return shards;
}
